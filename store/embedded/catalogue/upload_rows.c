/* store/embedded/catalogue/upload_rows.c -- the rows of uploads, of their parts, and of the objects that they become.
 */
#include "store/embedded/catalogue/upload_rows.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/key_path.h"

enum {
    UPLOAD_ROW_VERSION = 1,
    UPLOAD_ROW_VERSION_SEALED = 2, /* an older Bale, which would store parts in clear, refuses it */
    GROUP_BYTES = 8,
};

/* Rows of parts and of completed uploads: which of the two a row is depends on its checksum alone. */
enum {
    ROW_VERSION_SHORT = 1, /* of at most 32 bytes */
    ROW_VERSION_LONG = 2,
    CHECKSUM_SHORT_BYTES = 8 + 32,
    CHECKSUM_LONG_BYTES = 8 + CHECKSUM_BYTES_MAX,
};

bool no_such_upload(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchUpload,
                     "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                     "aborted or completed.");
}

static bool damaged(struct error *error, const char *what)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "The row of %s is damaged. Run `bale check`.", what);
}

static void put_u64_be(uint8_t *to, uint64_t value)
{
    store_u64_le(to, __builtin_bswap64(value));
}

size_t upload_checksum_bytes(enum checksum_algorithm algorithm)
{
    return algorithm == CHECKSUM_NONE ? 0 : checksum_size(algorithm);
}

static uint8_t row_version(const struct checksum_value *checksum)
{
    return upload_checksum_bytes(checksum->algorithm) <= 32 ? ROW_VERSION_SHORT : ROW_VERSION_LONG;
}

/* Bytes of the field in a row of that version; 0: there is no such version. */
static size_t checksum_field_bytes(uint8_t version)
{
    return version == ROW_VERSION_SHORT ? CHECKSUM_SHORT_BYTES : version == ROW_VERSION_LONG ? CHECKSUM_LONG_BYTES : 0;
}

/* algorithm u8, type u8, zero u16, parts u32, bytes */
static void append_checksum(const struct checksum_value *checksum, struct buffer *ret_value)
{
    uint8_t field[CHECKSUM_LONG_BYTES] = {(uint8_t)checksum->algorithm, (uint8_t)checksum->type};
    store_u32_le(field + 4, checksum->parts_count);
    memcpy(field + 8, checksum->bytes, upload_checksum_bytes(checksum->algorithm));
    buffer_append(ret_value, span_of(field, checksum_field_bytes(row_version(checksum))));
}

/* The field has the bytes of its version. */
static bool decode_checksum(const uint8_t *field, uint8_t version, struct checksum_value *ret_checksum)
{
    if (field[0] >= CHECKSUM_ALGORITHMS || field[1] > CHECKSUM_COMPOSITE)
        return false;
    *ret_checksum = (struct checksum_value){.algorithm = (enum checksum_algorithm)field[0],
                                            .type = (enum checksum_type)field[1],
                                            .parts_count = load_u32_le(field + 4)};
    size_t size = upload_checksum_bytes(ret_checksum->algorithm);
    if (8 + size > checksum_field_bytes(version))
        return false;
    memcpy(ret_checksum->bytes, field + 8, size);
    return true;
}

/* ---- uploads: version u8, algorithm u8, type u8, has a tail u8, number u64, initiated u64, then u32 size and bytes of
 * metadata, tags and initiator; of version 2 size of the seal u32 and seal; the tail: mode u8, hold u8, retained until
 * u64, size of the owner u32, owner, ACL ---- */

enum { UPLOAD_FIXED_BYTES = 32, AT_HAS_TAIL = 3, TAIL_FIXED_BYTES = 14 };

bool upload_id_parse(struct span text, uint8_t ret_id[UPLOAD_ID_RAW_BYTES])
{
    return text.size == UPLOAD_ID_BYTES - 1 && hex_decode(text, ret_id, UPLOAD_ID_RAW_BYTES);
}

void upload_id_format(const uint8_t id[UPLOAD_ID_RAW_BYTES], char ret_text[UPLOAD_ID_BYTES])
{
    hex_encode(span_of(id, UPLOAD_ID_RAW_BYTES), ret_text);
    ret_text[UPLOAD_ID_BYTES - 1] = '\0';
}

void upload_make_key(uint64_t group, const uint8_t id[UPLOAD_ID_RAW_BYTES], uint8_t ret_key[UPLOAD_KEY_BYTES])
{
    put_u64_be(ret_key, group);
    memcpy(ret_key + GROUP_BYTES, id, UPLOAD_ID_RAW_BYTES);
}

static void append_tail(const struct upload_row *row, struct buffer *ret_value)
{
    uint8_t fixed[TAIL_FIXED_BYTES] = {(uint8_t)row->lock.mode, (uint8_t)row->lock.hold};
    store_u64_le(fixed + 2, (uint64_t)row->lock.retain_until_ms);
    store_u32_le(fixed + 10, (uint32_t)row->owner.size);
    buffer_append(ret_value, span_of(fixed, sizeof fixed));
    buffer_append(ret_value, row->owner);
    buffer_append(ret_value, row->acl);
}

static bool decode_tail(struct span tail, struct upload_row *row)
{
    if (tail.size < TAIL_FIXED_BYTES || tail.data[0] > LOCK_COMPLIANCE || tail.data[1] > HOLD_ON ||
        load_u32_le(tail.data + 10) > tail.size - TAIL_FIXED_BYTES)
        return false;
    row->lock = (struct object_lock){(enum lock_mode)tail.data[0], (int64_t)load_u64_le(tail.data + 2),
                                     (enum lock_hold)tail.data[1]};
    struct span rest = span_skip(tail, TAIL_FIXED_BYTES);
    row->owner = span_take(rest, load_u32_le(tail.data + 10));
    row->acl = span_skip(rest, row->owner.size);
    return true;
}

void upload_encode(const struct upload_row *row, struct buffer *ret_value)
{
    uint8_t version = row->seal.size > 0 ? UPLOAD_ROW_VERSION_SEALED : UPLOAD_ROW_VERSION;
    uint8_t fixed[UPLOAD_FIXED_BYTES] = {version, (uint8_t)row->checksum_algorithm, (uint8_t)row->checksum_type};
    store_u64_le(fixed + 4, row->number);
    store_u64_le(fixed + 12, (uint64_t)row->initiated_ms);
    store_u32_le(fixed + 20, (uint32_t)row->metadata.size);
    store_u32_le(fixed + 24, (uint32_t)row->tags.size);
    store_u32_le(fixed + 28, (uint32_t)row->initiator.size);
    fixed[AT_HAS_TAIL] =
        row->lock.mode != LOCK_NONE || row->lock.hold != HOLD_UNSET || row->owner.size > 0 || row->acl.size > 0;
    buffer_append(ret_value, span_of(fixed, sizeof fixed));
    buffer_append(ret_value, row->metadata);
    buffer_append(ret_value, row->tags);
    buffer_append(ret_value, row->initiator);
    if (version == UPLOAD_ROW_VERSION_SEALED) {
        uint8_t size[4];
        store_u32_le(size, (uint32_t)row->seal.size);
        buffer_append(ret_value, span_of(size, sizeof size));
        buffer_append(ret_value, row->seal);
    }
    if (fixed[AT_HAS_TAIL])
        append_tail(row, ret_value);
}

/* What lies behind the initiator up to the tail. */
static bool decode_seal(uint8_t version, struct span *rest, struct span *ret_seal)
{
    if (version == UPLOAD_ROW_VERSION)
        return true;
    if (rest->size < 4 || load_u32_le(rest->data) > rest->size - 4)
        return false;
    *ret_seal = span_of(rest->data + 4, load_u32_le(rest->data));
    *rest = span_skip(*rest, 4 + ret_seal->size);
    return true;
}

bool upload_decode(struct span value, struct upload_row *ret_row, struct error *error)
{
    if (value.size < UPLOAD_FIXED_BYTES ||
        (value.data[0] != UPLOAD_ROW_VERSION && value.data[0] != UPLOAD_ROW_VERSION_SEALED) ||
        value.data[1] >= CHECKSUM_ALGORITHMS || value.data[2] > CHECKSUM_COMPOSITE)
        return damaged(error, "an upload");
    uint64_t metadata = load_u32_le(value.data + 20);
    uint64_t tags = load_u32_le(value.data + 24);
    uint64_t initiator = load_u32_le(value.data + 28);
    uint64_t bytes = UPLOAD_FIXED_BYTES + metadata + tags + initiator;
    bool has_tail = value.data[AT_HAS_TAIL] != 0;
    if (value.size < bytes)
        return damaged(error, "an upload");
    struct span behind = span_skip(value, bytes);
    struct span rest = span_skip(value, UPLOAD_FIXED_BYTES);
    *ret_row = (struct upload_row){
        .number = load_u64_le(value.data + 4),
        .initiated_ms = (int64_t)load_u64_le(value.data + 12),
        .checksum_algorithm = (enum checksum_algorithm)value.data[1],
        .checksum_type = (enum checksum_type)value.data[2],
        .metadata = span_take(rest, metadata),
        .tags = span_take(span_skip(rest, metadata), tags),
        .initiator = span_take(span_skip(rest, metadata + tags), initiator),
    };
    bool is_sound = decode_seal(value.data[0], &behind, &ret_row->seal) &&
                    (has_tail ? decode_tail(behind, ret_row) : behind.size == 0);
    return is_sound || damaged(error, "an upload");
}

enum lookup upload_find_group(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                              uint64_t *ret_group, struct error *error)
{
    struct key_table keys = {.txn = txn, .table = catalogue->uploads};
    struct span value;
    enum lookup found = key_find(&keys, bucket, key, &value, error);
    if (found == LOOKUP_FOUND && value.size != GROUP_BYTES) {
        damaged(error, "a key with uploads");
        return LOOKUP_FAILED;
    }
    if (found == LOOKUP_FOUND)
        *ret_group = load_u64_le(value.data);
    return found;
}

bool upload_find(MDB_txn *txn, const struct catalogue *catalogue, uint64_t bucket, struct span key,
                 const uint8_t id[UPLOAD_ID_RAW_BYTES], uint64_t *ret_group, struct upload_row *ret_row,
                 struct error *error)
{
    uint8_t row_key[UPLOAD_KEY_BYTES];
    struct span value;
    enum lookup found = upload_find_group(txn, catalogue, bucket, key, ret_group, error);
    if (found == LOOKUP_FOUND) {
        upload_make_key(*ret_group, id, row_key);
        found = catalogue_get(txn, catalogue->upload_ids, span_of(row_key, sizeof row_key), &value, error);
    }
    if (found == LOOKUP_MISSING)
        return no_such_upload(error);
    return found == LOOKUP_FOUND && upload_decode(value, ret_row, error);
}

/* ---- parts: version u8, zero u8, bytes of the seal u16, original u64, stored u64, modified u64, MD5, CRC-32C u32,
 * CRC-32C of the stored bytes u32, checksum, extents u32, bytes of frames u32, then extents, frames and seal ---- */

enum {
    AT_PART_SEAL_BYTES = 2,
    AT_PART_ORIGINAL = 4,
    AT_PART_STORED = 12,
    AT_PART_MODIFIED = 20,
    AT_PART_MD5 = 28,
    AT_PART_CRC32C = 44,
    AT_PART_STORED_CRC32C = 48,
    AT_PART_CHECKSUM = 52,
    PART_COUNTS_BYTES = 8, /* behind the checksum: extents u32, bytes of frames u32 */
};

void part_make_key(uint64_t upload, unsigned number, uint8_t ret_key[PART_KEY_BYTES])
{
    put_u64_be(ret_key, upload);
    ret_key[8] = (uint8_t)(number >> 8);
    ret_key[9] = (uint8_t)number;
}

void part_encode(const struct part_row *row, struct buffer *ret_value)
{
    const struct part_attributes *part = &row->attributes;
    uint8_t fixed[AT_PART_CHECKSUM] = {row_version(&part->checksum)};
    store_u16_le(fixed + AT_PART_SEAL_BYTES, (uint16_t)part->seal.size);
    uint8_t counts[PART_COUNTS_BYTES];
    store_u64_le(fixed + AT_PART_ORIGINAL, part->original_size);
    store_u64_le(fixed + AT_PART_STORED, part->stored_size);
    store_u64_le(fixed + AT_PART_MODIFIED, (uint64_t)part->modified_ms);
    memcpy(fixed + AT_PART_MD5, part->md5, MD5_BYTES);
    store_u32_le(fixed + AT_PART_CRC32C, part->crc32c);
    store_u32_le(fixed + AT_PART_STORED_CRC32C, row->stored_crc32c);
    store_u32_le(counts, extents_count(row->extents));
    store_u32_le(counts + 4, (uint32_t)part->frames.size);
    buffer_append(ret_value, span_of(fixed, sizeof fixed));
    append_checksum(&part->checksum, ret_value);
    buffer_append(ret_value, span_of(counts, sizeof counts));
    buffer_append(ret_value, row->extents);
    buffer_append(ret_value, part->frames);
    buffer_append(ret_value, part->seal);
}

bool part_decode(struct span key, struct span value, struct part_row *ret_row, struct error *error)
{
    size_t field_bytes = value.size == 0 ? 0 : checksum_field_bytes(value.data[0]);
    size_t fixed_bytes = AT_PART_CHECKSUM + field_bytes + PART_COUNTS_BYTES;
    if (key.size != PART_KEY_BYTES || field_bytes == 0 || value.size < fixed_bytes)
        return damaged(error, "a part");
    const uint8_t *counts = value.data + AT_PART_CHECKSUM + field_bytes;
    uint64_t extents_bytes = (uint64_t)load_u32_le(counts) * ROW_EXTENT_BYTES;
    uint64_t frames_bytes = load_u32_le(counts + 4);
    size_t seal_bytes = load_u16_le(value.data + AT_PART_SEAL_BYTES);
    *ret_row = (struct part_row){.stored_crc32c = load_u32_le(value.data + AT_PART_STORED_CRC32C)};
    struct part_attributes *part = &ret_row->attributes;
    if (value.size != fixed_bytes + extents_bytes + frames_bytes + seal_bytes ||
        !decode_checksum(value.data + AT_PART_CHECKSUM, value.data[0], &part->checksum))
        return damaged(error, "a part");
    part->number = (unsigned)key.data[8] << 8 | key.data[9];
    part->original_size = load_u64_le(value.data + AT_PART_ORIGINAL);
    part->stored_size = load_u64_le(value.data + AT_PART_STORED);
    part->modified_ms = (int64_t)load_u64_le(value.data + AT_PART_MODIFIED);
    part->crc32c = load_u32_le(value.data + AT_PART_CRC32C);
    memcpy(part->md5, value.data + AT_PART_MD5, MD5_BYTES);
    ret_row->extents = span_of(value.data + fixed_bytes, extents_bytes);
    part->frames = span_of(ret_row->extents.data + extents_bytes, frames_bytes);
    part->seal = span_of(part->frames.data + frames_bytes, seal_bytes);
    return true;
}

bool part_cursor_open(struct part_cursor *cursor, MDB_txn *txn, const struct catalogue *catalogue, uint64_t upload,
                      struct error *error)
{
    *cursor = (struct part_cursor){.upload = upload};
    return catalogue_open_cursor(txn, catalogue->parts, &cursor->cursor, error);
}

void part_cursor_close(struct part_cursor *cursor)
{
    mdb_cursor_close(cursor->cursor);
}

/* What a move of LMDB's cursor came to; a damaged row may be one of this upload's, whatever its key says. */
static enum lookup load_part(struct part_cursor *cursor, int result, const MDB_val *key, const MDB_val *value,
                             struct error *error)
{
    struct span bytes;
    if (result == MDB_NOTFOUND)
        return LOOKUP_MISSING;
    if (result != 0) {
        catalogue_failed(result, error, "walk parts");
        return LOOKUP_FAILED;
    }
    if (!catalogue_check(key, value, &bytes, error))
        return LOOKUP_FAILED;
    if (key->mv_size != PART_KEY_BYTES || load_u64_be(key->mv_data) != cursor->upload)
        return LOOKUP_MISSING;
    return part_decode(span_of(key->mv_data, key->mv_size), bytes, &cursor->row, error) ? LOOKUP_FOUND : LOOKUP_FAILED;
}

enum lookup part_cursor_seek(struct part_cursor *cursor, unsigned after, struct error *error)
{
    if (after >= PART_NUMBER_MAX)
        return LOOKUP_MISSING;
    uint8_t first[PART_KEY_BYTES];
    part_make_key(cursor->upload, after + 1, first);
    MDB_val key;
    MDB_val value;
    int result = catalogue_seek(cursor->cursor, span_of(first, sizeof first), &key, &value);
    return load_part(cursor, result, &key, &value, error);
}

enum lookup part_cursor_next(struct part_cursor *cursor, struct error *error)
{
    MDB_val key;
    MDB_val value;
    int result = mdb_cursor_get(cursor->cursor, &key, &value, MDB_NEXT);
    return load_part(cursor, result, &key, &value, error);
}

/* ---- completed uploads: version u8, bytes of the version's id u8, bytes of the seal u16, parts u32, bucket u64,
 * completed u64, original u64, checksum, ETag, then id, seal and key ---- */

enum {
    AT_COMPLETED_PARTS = 4,
    AT_COMPLETED_BUCKET = 8,
    AT_COMPLETED_MS = 16,
    AT_COMPLETED_ORIGINAL = 24,
    AT_COMPLETED_CHECKSUM = 32,
    AT_COMPLETED_VERSION_BYTES = 1, /* 0: "null" */
    AT_COMPLETED_SEAL_BYTES = 2,
};

void completed_encode(const struct completed_row *row, struct buffer *ret_value)
{
    uint8_t fixed[AT_COMPLETED_CHECKSUM] = {row_version(&row->checksum)};
    uint8_t etag[ETAG_TEXT_BYTES] = {0};
    store_u32_le(fixed + AT_COMPLETED_PARTS, row->parts_count);
    store_u64_le(fixed + AT_COMPLETED_BUCKET, row->bucket);
    store_u64_le(fixed + AT_COMPLETED_MS, (uint64_t)row->completed_ms);
    store_u64_le(fixed + AT_COMPLETED_ORIGINAL, row->original_size);
    memcpy(etag, row->etag, strlen(row->etag));
    struct span version = strcmp(row->version, "null") == 0 ? SPAN_EMPTY : span_from_string(row->version);
    fixed[AT_COMPLETED_VERSION_BYTES] = (uint8_t)version.size;
    store_u16_le(fixed + AT_COMPLETED_SEAL_BYTES, (uint16_t)row->seal.size);
    buffer_append(ret_value, span_of(fixed, sizeof fixed));
    append_checksum(&row->checksum, ret_value);
    buffer_append(ret_value, span_of(etag, sizeof etag));
    buffer_append(ret_value, version);
    buffer_append(ret_value, row->seal);
    buffer_append(ret_value, row->key);
}

bool completed_decode(struct span value, struct completed_row *ret_row, struct error *error)
{
    size_t field_bytes = value.size == 0 ? 0 : checksum_field_bytes(value.data[0]);
    size_t etag_at = AT_COMPLETED_CHECKSUM + field_bytes;
    *ret_row = (struct completed_row){0};
    if (field_bytes == 0 || value.size < etag_at + ETAG_TEXT_BYTES || value.data[etag_at + ETAG_TEXT_BYTES - 1] != 0 ||
        !decode_checksum(value.data + AT_COMPLETED_CHECKSUM, value.data[0], &ret_row->checksum))
        return damaged(error, "a completed upload");
    ret_row->parts_count = load_u32_le(value.data + AT_COMPLETED_PARTS);
    ret_row->bucket = load_u64_le(value.data + AT_COMPLETED_BUCKET);
    ret_row->completed_ms = (int64_t)load_u64_le(value.data + AT_COMPLETED_MS);
    ret_row->original_size = load_u64_le(value.data + AT_COMPLETED_ORIGINAL);
    memcpy(ret_row->etag, value.data + etag_at, ETAG_TEXT_BYTES);
    struct span rest = span_skip(value, etag_at + ETAG_TEXT_BYTES);
    size_t version_bytes = value.data[AT_COMPLETED_VERSION_BYTES];
    size_t seal_bytes = load_u16_le(value.data + AT_COMPLETED_SEAL_BYTES);
    if (version_bytes + seal_bytes > rest.size || version_bytes >= sizeof ret_row->version)
        return damaged(error, "a completed upload");
    strcpy(ret_row->version, "null");
    if (version_bytes > 0)
        memcpy(ret_row->version, rest.data, version_bytes);
    ret_row->seal = span_take(span_skip(rest, version_bytes), seal_bytes);
    ret_row->key = span_skip(rest, version_bytes + seal_bytes);
    return true;
}

/* ---- pieces ---- */

enum { PIECES_HEAD_BYTES = 8, PIECE_BYTES = 16 };

void piece_append(const struct piece *piece, struct buffer *table)
{
    uint8_t bytes[PIECE_BYTES];
    store_u64_le(bytes, piece->start);
    store_u32_le(bytes + 8, piece->first_extent);
    store_u32_le(bytes + 12, piece->crc32c);
    buffer_append(table, span_of(bytes, sizeof bytes));
}

void pieces_encode(struct span table, struct span extents, struct buffer *ret_value)
{
    uint8_t head[PIECES_HEAD_BYTES];
    store_u32_le(head, (uint32_t)(table.size / PIECE_BYTES));
    store_u32_le(head + 4, extents_count(extents));
    buffer_append(ret_value, span_of(head, sizeof head));
    buffer_append(ret_value, table);
    buffer_append(ret_value, extents);
}

bool pieces_decode(struct span value, struct pieces *ret_pieces, struct error *error)
{
    if (value.size < PIECES_HEAD_BYTES)
        return damaged(error, "the pieces of an object");
    *ret_pieces = (struct pieces){.count = load_u32_le(value.data), .extents_count = load_u32_le(value.data + 4)};
    uint64_t table_bytes = (uint64_t)ret_pieces->count * PIECE_BYTES;
    if (value.size != PIECES_HEAD_BYTES + table_bytes + (uint64_t)ret_pieces->extents_count * ROW_EXTENT_BYTES)
        return damaged(error, "the pieces of an object");
    ret_pieces->table = value.data + PIECES_HEAD_BYTES;
    ret_pieces->extents = span_skip(value, PIECES_HEAD_BYTES + table_bytes);
    return true;
}

struct piece piece_at(const struct pieces *pieces, uint32_t index)
{
    ASSERT(index < pieces->count);
    const uint8_t *bytes = pieces->table + (size_t)index * PIECE_BYTES;
    return (struct piece){load_u64_le(bytes), load_u32_le(bytes + 8), load_u32_le(bytes + 12)};
}

bool piece_extents(const struct pieces *pieces, uint32_t index, uint64_t body_bytes, struct span *ret_extents,
                   uint64_t *ret_bytes)
{
    struct piece piece = piece_at(pieces, index);
    bool is_last = index + 1 == pieces->count;
    uint64_t end = is_last ? body_bytes : piece_at(pieces, index + 1).start;
    uint32_t behind = is_last ? pieces->extents_count : piece_at(pieces, index + 1).first_extent;
    if (end < piece.start || behind < piece.first_extent || behind > pieces->extents_count)
        return false;
    *ret_bytes = end - piece.start;
    *ret_extents = span_of(pieces->extents.data + (size_t)piece.first_extent * ROW_EXTENT_BYTES,
                           (size_t)(behind - piece.first_extent) * ROW_EXTENT_BYTES);
    uint64_t room = 0;
    for (unsigned i = 0; i < extents_count(*ret_extents); i++)
        room += (uint64_t)extent_at(*ret_extents, i).count * EXTENT_BLOCK_BYTES;
    return room >= *ret_bytes;
}

uint32_t piece_find(const struct pieces *pieces, uint64_t offset)
{
    uint32_t first = 0; /* starts at or before it; those from `behind` on start behind it */
    uint32_t behind = pieces->count;
    while (behind - first > 1) {
        uint32_t middle = first + (behind - first) / 2;
        if (piece_at(pieces, middle).start <= offset)
            first = middle;
        else
            behind = middle;
    }
    return first;
}

/* ---- part maps ---- */

enum {
    PART_MAP_HEAD_BYTES = 8,
    PART_MAP_FIXED_BYTES = 12,
    AT_MAP_CHECKSUM_BYTES = 4, /* of the longest */
    AT_MAP_SEAL_BYTES = 5,     /* likewise */
    AT_ENTRY_ALGORITHM = 2,
    AT_ENTRY_SEAL_BYTES = 3,
    AT_ENTRY_SIZE = 4,
};
_Static_assert((int)PART_SEAL_BYTES <= UINT8_MAX, "a seal's size is one byte");

static void append_entry(const struct object_part *part, size_t checksum_bytes, size_t seal_bytes,
                         struct buffer *ret_value)
{
    uint8_t entry[PART_MAP_FIXED_BYTES + CHECKSUM_BYTES_MAX + PART_SEAL_BYTES] = {0};
    const struct checksum_value *checksum = &part->checksum;
    store_u16_le(entry, (uint16_t)part->number);
    entry[AT_ENTRY_ALGORITHM] = (uint8_t)checksum->algorithm;
    entry[AT_ENTRY_SEAL_BYTES] = (uint8_t)part->seal.size;
    store_u64_le(entry + AT_ENTRY_SIZE, part->original_size);
    memcpy(entry + PART_MAP_FIXED_BYTES, checksum->bytes, upload_checksum_bytes(checksum->algorithm));
    if (part->seal.size > 0)
        memcpy(entry + PART_MAP_FIXED_BYTES + checksum_bytes, part->seal.data, part->seal.size);
    buffer_append(ret_value, span_of(entry, PART_MAP_FIXED_BYTES + checksum_bytes + seal_bytes));
}

void part_map_encode(const struct object_part *parts, unsigned count, struct buffer *ret_value)
{
    size_t checksum_bytes = 0;
    size_t seal_bytes = 0;
    for (unsigned i = 0; i < count; i++) {
        size_t size = upload_checksum_bytes(parts[i].checksum.algorithm);
        checksum_bytes = size > checksum_bytes ? size : checksum_bytes;
        seal_bytes = parts[i].seal.size > seal_bytes ? parts[i].seal.size : seal_bytes;
    }
    ASSERT(seal_bytes <= PART_SEAL_BYTES);
    uint8_t head[PART_MAP_HEAD_BYTES] = {0};
    store_u32_le(head, count);
    head[AT_MAP_CHECKSUM_BYTES] = (uint8_t)checksum_bytes;
    head[AT_MAP_SEAL_BYTES] = (uint8_t)seal_bytes;
    buffer_append(ret_value, span_of(head, sizeof head));
    for (unsigned i = 0; i < count; i++)
        append_entry(&parts[i], checksum_bytes, seal_bytes, ret_value);
}

static size_t entry_bytes(struct span value)
{
    return (size_t)PART_MAP_FIXED_BYTES + value.data[AT_MAP_CHECKSUM_BYTES] + value.data[AT_MAP_SEAL_BYTES];
}

static const uint8_t *map_entry(struct span value, unsigned index)
{
    return value.data + PART_MAP_HEAD_BYTES + (size_t)index * entry_bytes(value);
}

bool part_map_seek(struct span value, unsigned after, unsigned *ret_first, unsigned *ret_count, struct error *error)
{
    if (value.size < PART_MAP_HEAD_BYTES || value.data[AT_MAP_CHECKSUM_BYTES] > CHECKSUM_BYTES_MAX ||
        value.data[AT_MAP_SEAL_BYTES] > PART_SEAL_BYTES)
        return damaged(error, "the part map of an object");
    uint32_t count = load_u32_le(value.data);
    if (count > PART_NUMBER_MAX || value.size != PART_MAP_HEAD_BYTES + (size_t)count * entry_bytes(value))
        return damaged(error, "the part map of an object");
    unsigned low = 0;
    unsigned high = count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (load_u16_le(map_entry(value, middle)) <= after)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_first = low;
    *ret_count = count;
    return true;
}

struct object_part part_map_at(struct span value, unsigned index)
{
    const uint8_t *entry = map_entry(value, index);
    struct object_part part = {.number = load_u16_le(entry), .original_size = load_u64_le(entry + AT_ENTRY_SIZE)};
    size_t checksum_bytes = value.data[AT_MAP_CHECKSUM_BYTES];
    uint8_t algorithm = entry[AT_ENTRY_ALGORITHM];
    if (entry[AT_ENTRY_SEAL_BYTES] > 0 && entry[AT_ENTRY_SEAL_BYTES] <= value.data[AT_MAP_SEAL_BYTES])
        part.seal = span_of(entry + PART_MAP_FIXED_BYTES + checksum_bytes, entry[AT_ENTRY_SEAL_BYTES]);
    size_t size = algorithm < CHECKSUM_ALGORITHMS ? upload_checksum_bytes((enum checksum_algorithm)algorithm) : 0;
    if (size == 0 || size > checksum_bytes)
        return part;
    part.checksum.algorithm = (enum checksum_algorithm)algorithm;
    memcpy(part.checksum.bytes, entry + PART_MAP_FIXED_BYTES, size);
    return part;
}
