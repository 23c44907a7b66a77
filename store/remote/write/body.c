/* store/remote/write/body.c -- pieces of memory for bodies, and the shard's spare ones. */
#include "store/remote/write/body.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"

#include <stdlib.h>

enum { SPARE_PIECES_MAX = 64, PIECES_AT_FIRST = 8 };

/* A spare piece, where its bytes were. */
struct spare_piece {
    struct list_link link;
};

static uint8_t *take_piece(struct remote_shard *shard, size_t capacity)
{
    struct list_link *spare = capacity == BODY_PIECE_BYTES ? list_take_first(&shard->pieces) : NULL;
    if (spare == NULL)
        return malloc(capacity);
    shard->pieces_count--;
    return (uint8_t *)LIST_ELEMENT(spare, struct spare_piece, link);
}

static void give_piece(struct remote_shard *shard, struct body_piece *piece)
{
    if (piece->capacity != BODY_PIECE_BYTES || shard->pieces_count == SPARE_PIECES_MAX) {
        free(piece->bytes);
        return;
    }
    struct spare_piece *spare = (struct spare_piece *)(void *)piece->bytes;
    list_init(&spare->link);
    list_append(&shard->pieces, &spare->link);
    shard->pieces_count++;
}

void body_free_spare(struct remote_shard *shard)
{
    for (struct list_link *link; (link = list_take_first(&shard->pieces)) != NULL;)
        free(LIST_ELEMENT(link, struct spare_piece, link));
    shard->pieces_count = 0;
}

static bool make_room(struct body *body, unsigned further)
{
    unsigned capacity = body->capacity == 0 ? PIECES_AT_FIRST : body->capacity;
    while (capacity < body->count + further)
        capacity *= 2;
    if (capacity == body->capacity)
        return true;
    struct body_piece *pieces = realloc(body->pieces, capacity * sizeof *pieces);
    if (pieces == NULL)
        return false;
    body->pieces = pieces;
    body->capacity = capacity;
    return true;
}

static bool add_piece(struct remote_shard *shard, struct body *body)
{
    if (!make_room(body, 1))
        return false;
    bool is_small = body->count == 0 && body->expected > 0 && body->expected < BODY_PIECE_BYTES;
    struct body_piece piece = {.capacity = is_small ? body->expected : BODY_PIECE_BYTES};
    piece.bytes = take_piece(shard, piece.capacity);
    if (piece.bytes == NULL)
        return false;
    ASSERT(body->pieces != NULL);
    body->pieces[body->count++] = piece;
    return true;
}

bool body_append(struct remote_shard *shard, struct body *body, struct span bytes, struct error *error)
{
    while (bytes.size > 0) {
        struct body_piece *last = body->count > 0 ? &body->pieces[body->count - 1] : NULL;
        if (last == NULL || last->size == last->capacity) {
            if (!add_piece(shard, body))
                return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further upload.");
            continue;
        }
        struct span taken = span_take(bytes, last->capacity - last->size);
        memcpy(last->bytes + last->size, taken.data, taken.size);
        last->size += taken.size;
        body->size += taken.size;
        bytes = span_skip(bytes, taken.size);
    }
    return true;
}

bool body_move(struct body *to, struct body *from)
{
    if (!make_room(to, from->count))
        return false;
    for (unsigned i = 0; i < from->count; i++)
        to->pieces[to->count++] = from->pieces[i];
    to->size += from->size;
    free(from->pieces);
    *from = (struct body){0};
    return true;
}

void body_keep_end(struct remote_shard *shard, struct body *body, uint64_t bytes)
{
    unsigned gone = 0;
    ASSERT(bytes <= body->size);
    while (gone < body->count && body->size - body->pieces[gone].size >= bytes) {
        body->size -= body->pieces[gone].size;
        give_piece(shard, &body->pieces[gone++]);
    }
    body->count -= gone;
    memmove(body->pieces, body->pieces + gone, body->count * sizeof *body->pieces);
    if (body->size == bytes)
        return;
    struct body_piece *first = &body->pieces[0];
    size_t cut = (size_t)(body->size - bytes);
    first->size -= cut;
    memmove(first->bytes, first->bytes + cut, first->size);
    body->size = bytes;
}

bool body_fit(struct remote_shard *shard, struct body *body)
{
    for (unsigned i = 0; i < body->count; i++) {
        struct body_piece *piece = &body->pieces[i];
        struct body_piece fitting = {.size = piece->size, .capacity = piece->size};
        if (piece->size == piece->capacity)
            continue;
        fitting.bytes = malloc(fitting.capacity);
        if (fitting.bytes == NULL)
            return false;
        memcpy(fitting.bytes, piece->bytes, piece->size);
        give_piece(shard, piece);
        *piece = fitting;
    }
    return true;
}

void body_copy(const struct body *body, uint64_t offset, uint64_t size, struct buffer *to)
{
    ASSERT(offset <= body->size && size <= body->size - offset);
    for (unsigned i = 0; size > 0; i++) {
        struct span piece = span_of(body->pieces[i].bytes, body->pieces[i].size);
        struct span taken = span_take(span_skip(piece, offset < piece.size ? offset : piece.size), size);
        buffer_append(to, taken);
        offset -= offset < piece.size ? offset : piece.size;
        size -= taken.size;
    }
}

void body_spans(const struct body *body, struct span *ret_spans)
{
    for (unsigned i = 0; i < body->count; i++)
        ret_spans[i] = span_of(body->pieces[i].bytes, body->pieces[i].size);
}

void body_clear(struct remote_shard *shard, struct body *body)
{
    for (unsigned i = 0; i < body->count; i++)
        give_piece(shard, &body->pieces[i]);
    free(body->pieces);
    *body = (struct body){.expected = body->expected};
}
