/* server/object/object_reader_loan.c -- stored bytes that are original bytes: handed out where the store has them in
 * its memory, else read.
 *
 * What a reader borrows counts in the budget of bodies as what it reads does: it is asked for first, and the store
 * then. So a client that is slow holds one piece and no more, be it lent or read, and of what is lent nothing is held
 * while somebody waits for memory. */
#include "codec/format/crc.h"
#include "server/object/object_reader_private.h"

#include <assert.h>
#include <stdlib.h>

static_assert((int)BUCKET_LOAN_BYTES_MAX >= (int)FRAME_ORIGINAL_BYTES, "a frame can be lent");
static_assert((int)TAILROOM_BYTES >= (int)FRAME_HEADER_BYTES, "behind a frame the header of the next one is read");

/* ---- pieces ---- */

void piece_set(struct object_piece *piece, struct span bytes)
{
    piece->count = bytes.size > 0;
    piece->spans[0] = bytes;
    piece->size = bytes.size;
}

uint32_t piece_crc32c(uint32_t crc32c, const struct object_piece *piece)
{
    for (unsigned i = 0; i < piece->count; i++)
        crc32c = crc32c_update(crc32c, piece->spans[i]);
    return crc32c;
}

void object_reader_clip_piece(const struct object_reader *reader, uint64_t offset, struct object_piece *piece)
{
    unsigned count = 0;
    size_t size = 0;
    for (unsigned i = 0; i < piece->count; i++) {
        size_t before = piece->spans[i].size;
        struct span wanted = object_reader_clip(reader, offset, piece->spans[i]);
        offset += before;
        if (wanted.size == 0)
            continue;
        piece->spans[count++] = wanted;
        size += wanted.size;
    }
    piece->count = count;
    piece->size = size;
}

/* ---- loans ---- */

void object_reader_give_back(struct object_reader *reader)
{
    if (reader->loan != NULL)
        bucket_give_back(reader->object, reader->loan);
}

/* The share of the piece before stays where it is right for this one, too, and nobody waits. */
SUSPENDS static bool reserve(struct object_reader *reader, size_t size, struct error *error)
{
    size_t most = HEADROOM_BYTES + size + TAILROOM_BYTES + BUCKET_LOAN_BESIDE_BYTES;
    if (reader->memory.taken == most && !memory_budget_has_waiters(&reader->codecs->memory))
        return true;
    body_memory_give(reader->codecs, &reader->memory);
    return body_memory_reserve(reader->codecs, size, BUCKET_LOAN_BESIDE_BYTES, reader->is_half_way, &reader->memory,
                               error);
}

static bool borrow(struct object_reader *reader, uint64_t from, size_t size, struct object_piece *ret_piece)
{
    if (reader->loan == NULL)
        reader->loan = calloc(1, sizeof *reader->loan);
    if (reader->loan == NULL || !bucket_borrow(reader->object, from, size, reader->loan))
        return false;
    body_memory_empty(reader->codecs, &reader->memory);
    metric_add(&reader->codecs->counters.stored_bytes_out, size);
    for (unsigned i = 0; i < reader->loan->count; i++)
        ret_piece->spans[i] = reader->loan->spans[i];
    ret_piece->count = reader->loan->count;
    ret_piece->size = size;
    return true;
}

SUSPENDS bool object_reader_load(struct object_reader *reader, uint64_t from, size_t size, size_t ahead,
                                 struct object_piece *ret_piece, struct span *ret_ahead, struct error *error)
{
    *ret_ahead = SPAN_EMPTY;
    if (reader->may_borrow && reader->object->may_lend && reader->s4 == NULL) {
        if (!reserve(reader, size, error))
            return false;
        if (borrow(reader, from, size, ret_piece))
            return true;
        if (!body_memory_fill(reader->codecs, &reader->memory, size, error))
            return false;
    } else if (!object_reader_take_memory(reader, size, 0, error)) {
        return false;
    }
    uint8_t *bytes = reader->memory.bytes;
    if (!object_reader_read_stored(reader, from, bytes, size + ahead, error))
        return false;
    piece_set(ret_piece, span_of(bytes, size));
    *ret_ahead = span_of(bytes + size, ahead);
    return true;
}
