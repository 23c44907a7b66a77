/* store/joiner/staged.c -- staged pieces: one object for each part that a client sent. */
#include "store/joiner/staged.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"

#include <stdio.h>

/* The record: magic, CRC-32C u32 of all that follows, version u8, algorithm u8, type u8, zero, original size u64, MD5,
 * CRC-32C of the original u32, checksum's parts u32, checksum (32 bytes, or 64 in version 2, which is written where the
 * checksum needs it), bytes of frames u32, then frames and key. */
enum {
    AT_CRC32C = 8,
    AT_VERSION = 12,
    AT_ALGORITHM = 13,
    AT_TYPE = 14,
    AT_ORIGINAL = 16,
    AT_MD5 = 24,
    AT_PART_CRC32C = 40,
    AT_CHECKSUM_PARTS = 44,
    AT_CHECKSUM = 48,
    CHECKSUM_SHORT_BYTES = 32,
    RECORD_VERSION_SHORT = 1, /* its checksum has 32 bytes */
    RECORD_VERSION_LONG = 2,  /* ... or 64 */
    RECORD_BYTES_MAX = 1 << 20,
    LIST_ARENA_BYTES = 1 << 20,
};
static const char magic[8] = {'B', 'A', 'L', 'E', 'P', 'A', 'R', 'T'};

const struct span staged_root = SPAN(".bale/mpu/");

struct span staged_prefix(struct span upload_id, char ret_text[STAGED_PREFIX_BYTES_MAX])
{
    int size = snprintf(ret_text, STAGED_PREFIX_BYTES_MAX, "%.*s%.*s/", SPAN_FORMAT(staged_root),
                        SPAN_FORMAT(span_take(upload_id, UPLOAD_ID_BYTES - 1)));
    return span_of(ret_text, (size_t)size);
}

struct span staged_key(struct span upload_id, unsigned number, char ret_text[STAGED_KEY_BYTES_MAX])
{
    char prefix[STAGED_PREFIX_BYTES_MAX];
    int size =
        snprintf(ret_text, STAGED_KEY_BYTES_MAX, "%.*s%05u", SPAN_FORMAT(staged_prefix(upload_id, prefix)), number);
    return span_of(ret_text, (size_t)size);
}

/* ---- the record ---- */

/* 0: there is no such version. */
static size_t checksum_bytes(uint8_t version)
{
    return version == RECORD_VERSION_SHORT  ? CHECKSUM_SHORT_BYTES
           : version == RECORD_VERSION_LONG ? CHECKSUM_BYTES_MAX
                                            : 0;
}

static void encode_record(struct span key, const struct part_attributes *part, struct buffer *ret_record)
{
    uint8_t head[AT_CHECKSUM] = {0};
    uint8_t checksum[CHECKSUM_BYTES_MAX + 4] = {0}; /* and bytes of frames behind it */
    bool has_checksum = part->checksum.algorithm != CHECKSUM_NONE;
    size_t size = has_checksum ? checksum_size(part->checksum.algorithm) : 0;
    memcpy(head, magic, sizeof magic);
    head[AT_VERSION] = size <= CHECKSUM_SHORT_BYTES ? RECORD_VERSION_SHORT : RECORD_VERSION_LONG;
    head[AT_ALGORITHM] = (uint8_t)part->checksum.algorithm;
    head[AT_TYPE] = (uint8_t)part->checksum.type;
    store_u64_le(head + AT_ORIGINAL, part->original_size);
    memcpy(head + AT_MD5, part->md5, MD5_BYTES);
    store_u32_le(head + AT_PART_CRC32C, part->crc32c);
    store_u32_le(head + AT_CHECKSUM_PARTS, part->checksum.parts_count);
    memcpy(checksum, part->checksum.bytes, size);
    size_t field = checksum_bytes(head[AT_VERSION]);
    store_u32_le(checksum + field, (uint32_t)part->frames.size);
    buffer_append(ret_record, span_of(head, sizeof head));
    buffer_append(ret_record, span_of(checksum, field + 4));
    buffer_append(ret_record, part->frames);
    buffer_append(ret_record, key);
    store_u32_le(ret_record->data + AT_CRC32C, crc32c_update(0, span_skip(buffer_span(ret_record), AT_VERSION)));
}

static bool damaged(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "A staged part is damaged.");
}

/* The head of fixed size is one that this version writes; *ret_size: its bytes. */
static bool check_head(struct span record, size_t *ret_size)
{
    if (record.size < AT_CHECKSUM || memcmp(record.data, magic, sizeof magic) != 0 ||
        load_u32_le(record.data + AT_CRC32C) != crc32c_update(0, span_skip(record, AT_VERSION)))
        return false;
    size_t field = checksum_bytes(record.data[AT_VERSION]);
    enum checksum_algorithm algorithm = (enum checksum_algorithm)record.data[AT_ALGORITHM];
    *ret_size = AT_CHECKSUM + field + 4;
    return field != 0 && record.data[AT_ALGORITHM] < CHECKSUM_ALGORITHMS &&
           (algorithm == CHECKSUM_NONE || checksum_size(algorithm) <= field) &&
           record.data[AT_TYPE] <= CHECKSUM_COMPOSITE && record.size >= *ret_size &&
           load_u32_le(record.data + *ret_size - 4) <= record.size - *ret_size;
}

static bool decode_record(struct staged_reader *reader, struct error *error)
{
    struct span record = buffer_span(&reader->record);
    struct part_attributes *part = &reader->part;
    size_t head_bytes;
    if (!check_head(record, &head_bytes))
        return damaged(error);
    part->original_size = load_u64_le(record.data + AT_ORIGINAL);
    memcpy(part->md5, record.data + AT_MD5, MD5_BYTES);
    part->crc32c = load_u32_le(record.data + AT_PART_CRC32C);
    part->checksum = (struct checksum_value){.algorithm = (enum checksum_algorithm)record.data[AT_ALGORITHM],
                                             .type = (enum checksum_type)record.data[AT_TYPE],
                                             .parts_count = load_u32_le(record.data + AT_CHECKSUM_PARTS)};
    memcpy(part->checksum.bytes, record.data + AT_CHECKSUM, checksum_bytes(record.data[AT_VERSION]));
    struct span rest = span_skip(record, head_bytes);
    part->frames = span_take(rest, load_u32_le(record.data + head_bytes - 4));
    reader->key = span_skip(rest, part->frames.size);
    return true;
}

/* ---- writing and reading ---- */

SUSPENDS bool staged_commit(struct bucket_writer *writer, uint64_t size, struct span key,
                            const struct part_attributes *part, struct error *error)
{
    struct buffer record;
    buffer_init(&record, RECORD_BYTES_MAX);
    encode_record(key, part, &record);
    bool done = record.overflow ? error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge, "A part has too many frames.")
                                : bucket_write(writer, buffer_span(&record), error);
    buffer_free(&record);
    if (!done) {
        bucket_abort(writer);
        return false;
    }
    struct object_attributes attributes = {.original_size = size, .is_size_known = true};
    struct object_attributes ignored;
    hex_encode(span_of(part->md5, MD5_BYTES), attributes.etag);
    return bucket_commit(writer, &(struct write_result){.attributes = &attributes}, &ignored, error);
}

static SUSPENDS bool read_record(struct staged_reader *reader, struct error *error)
{
    const struct object_attributes *attributes = &reader->object->attributes;
    if (attributes->stored_size < attributes->original_size ||
        attributes->stored_size - attributes->original_size > RECORD_BYTES_MAX)
        return damaged(error);
    size_t size = (size_t)(attributes->stored_size - attributes->original_size);
    if (!buffer_reserve(&reader->record, size))
        return damaged(error);
    reader->record.size = size;
    return bucket_read(reader->object, attributes->original_size, reader->record.data, size, error) &&
           decode_record(reader, error);
}

SUSPENDS bool staged_open(struct bucket_store *inner, struct span bucket, struct span upload_id, unsigned number,
                          struct staged_reader *ret_reader, struct error *error)
{
    char key[STAGED_KEY_BYTES_MAX];
    struct object_name name = {.bucket = bucket, .key = staged_key(upload_id, number, key)};
    *ret_reader = (struct staged_reader){0};
    if (!bucket_open(inner, &name, NULL, &ret_reader->object, error))
        return false;
    ret_reader->part.number = number;
    ret_reader->part.stored_size = ret_reader->object->attributes.original_size;
    ret_reader->part.modified_ms = ret_reader->object->attributes.modified_ms;
    if (read_record(ret_reader, error))
        return true;
    staged_close(ret_reader);
    return false;
}

void staged_close(struct staged_reader *reader)
{
    buffer_free(&reader->record);
    bucket_close(reader->object);
}

/* ---- lists ---- */

/* False: it is no piece. */
static bool take_entry(const struct list_entry *entry, size_t prefix_bytes, struct buffer *ret_pieces)
{
    struct staged_piece piece = {.size = entry->original_size, .modified_ms = entry->modified_ms};
    struct span digits = span_skip(entry->key, prefix_bytes);
    if (!hex_decode(span_from_string(entry->etag), piece.md5, MD5_BYTES))
        return false;
    for (size_t i = 0; i < digits.size; i++)
        piece.number = piece.number * 10 + (digits.data[i] - (unsigned)'0');
    buffer_append(ret_pieces, span_of(&piece, sizeof piece));
    return true;
}

SUSPENDS bool staged_list(struct bucket_store *inner, struct span bucket, struct span upload_id, unsigned after,
                          unsigned pieces_max, struct buffer *ret_pieces, bool *ret_truncated, struct error *error)
{
    char prefix[STAGED_PREFIX_BYTES_MAX];
    char after_key[STAGED_KEY_BYTES_MAX];
    struct arena arena;
    struct list_page page;
    struct list_request request = {.bucket = bucket,
                                   .prefix = staged_prefix(upload_id, prefix),
                                   .after = staged_key(upload_id, after, after_key),
                                   .entries_max = pieces_max};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool done = bucket_list(inner, &request, &arena, &page, error);
    for (unsigned i = 0; done && i < page.count; i++)
        done = take_entry(&page.entries[i], request.prefix.size, ret_pieces) || damaged(error);
    if (done)
        *ret_truncated = page.is_truncated;
    arena_free(&arena);
    return done;
}

static SUSPENDS bool remove_page(struct bucket_store *inner, struct span bucket, const struct list_page *page,
                                 struct arena *arena, struct error *error)
{
    struct delete_item *items = arena_allocate(arena, page->count * sizeof *items);
    if (items == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to remove staged parts.");
    for (unsigned i = 0; i < page->count; i++)
        items[i] = (struct delete_item){.key = page->entries[i].key};
    if (!bucket_delete_objects(inner, bucket, items, page->count, error))
        return false;
    for (unsigned i = 0; i < page->count; i++) {
        if (!items[i].is_deleted) {
            *error = items[i].error;
            return false;
        }
    }
    return true;
}

SUSPENDS bool staged_remove(struct bucket_store *inner, struct span bucket, struct span prefix, struct error *error)
{
    struct list_request request = {.bucket = bucket, .prefix = prefix, .entries_max = LIST_ENTRIES_MAX};
    struct arena arena;
    struct list_page page = {.is_truncated = true};
    bool done = true;
    arena_init(&arena, 4 * LIST_ARENA_BYTES);
    while (done && page.is_truncated) {
        arena_reset(&arena);
        done = bucket_list(inner, &request, &arena, &page, error) &&
               (page.count == 0 || remove_page(inner, bucket, &page, &arena, error));
    }
    arena_free(&arena);
    return done;
}
