/* store/embedded/catalogue/row.c -- one object's row in the catalogue, as bytes and as members. */
#include "store/embedded/catalogue/row.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "store/bucket.h"
#include "store/embedded/catalogue/version_rows.h"

#include <stdio.h>

enum {
    ROW_HEAD_BYTES = 8,
    ROW_HAS_OBJECT = 1,
    ROW_HAS_GROUP = 2,
};

/* The fixed part of an object, at no particular alignment. */
enum {
    AT_ORIGINAL_SIZE = 0,
    AT_STORED_SIZE = 8,
    AT_MODIFIED_MS = 16,
    AT_TOKEN = 24,
    AT_ETAG_MD5 = 40,
    AT_ETAG_PARTS = 56,
    AT_CODEC = 60,
    AT_CRC32C = 64,
    AT_STORED_CRC32C = 68,
    AT_BODY_NUMBER = 72,
    AT_SIDECAR_NUMBER = 80,
    AT_SIDECAR_SIZE = 88,
    AT_PARTS_COUNT = 96,
    AT_TAGS_COUNT = 100,
    AT_FLAGS = 104,
    AT_LAYOUT = 106,
    AT_PLACE = 107,
    AT_ETAG_KIND = 108,
    AT_LEVEL_TRIED = 109, /* then two zeros */
    OBJECT_FIXED_BYTES = 112,
};

enum object_flag {
    OBJECT_IS_S4 = 1,
    OBJECT_IS_MULTIPART = 2,
    OBJECT_IS_SIZE_KNOWN = 4,
    OBJECT_HAS_CRC32C = 8,
    OBJECT_IS_ENCRYPTED = 16,
    OBJECT_IS_UNCOUNTED = 32,
    OBJECT_IS_MARKER = 64,
    OBJECT_MAY_HAVE_COLUMNS = 128,
    OBJECT_FLAGS_KNOWN = 255,
};

enum etag_kind { ETAG_NONE = 0, ETAG_MD5 = 1, ETAG_MD5_PARTS = 2, ETAG_TEXT = 3 };

enum field_tag {
    FIELD_ETAG = 1,
    FIELD_VERSION = 2,
    FIELD_DICTIONARY = 3,
    FIELD_CHECKSUM = 4,
    FIELD_METADATA = 5,
    FIELD_EXTENTS = 6,
    FIELD_TAGS = 7,
    FIELD_OWNER = 8,
    FIELD_ACL = 9,
    FIELD_LOCK = 10,
    FIELD_ORDER = 11,
    FIELD_SUPERSEDED = 12,
    FIELD_SEAL = 13,
};
enum { FIELD_HEAD_BYTES = 5, CHECKSUM_FIELD_HEAD_BYTES = 6, LOCK_FIELD_BYTES = 10 };
/* A seal that is longer than any of this version is a newer one's, and kept as it is: whoever opens it says so. */
enum { SEAL_FIELD_BYTES_MAX = 4 * OBJECT_SEAL_BYTES_MAX };

/* ---- extents ---- */

void extent_encode(const struct extent *extent, uint8_t ret_bytes[ROW_EXTENT_BYTES])
{
    store_u32_le(ret_bytes, extent->volume);
    store_u32_le(ret_bytes + 4, extent->block);
    store_u32_le(ret_bytes + 8, extent->count);
}

struct extent extent_decode(const uint8_t *bytes)
{
    return (struct extent){load_u32_le(bytes), load_u32_le(bytes + 4), load_u32_le(bytes + 8)};
}

bool extent_walk_next(struct extent_walk *walk, struct extent_piece *ret_piece)
{
    while (walk->size > 0 && walk->next < extents_count(walk->extents)) {
        struct extent extent = extent_at(walk->extents, walk->next++);
        uint64_t bytes = (uint64_t)extent.count * EXTENT_BLOCK_BYTES;
        if (walk->offset >= bytes) {
            walk->offset -= bytes;
            continue;
        }
        size_t size = walk->size < bytes - walk->offset ? walk->size : (size_t)(bytes - walk->offset);
        *ret_piece = (struct extent_piece){extent, walk->offset, size};
        walk->offset = 0;
        walk->size -= size;
        return true;
    }
    return false;
}

/* ---- encoding ---- */

/* An ETag is nearly always an MD5, maybe with a number of parts behind it: 20 bytes instead of 32 and more. */
static enum etag_kind pack_etag(const char *etag, uint8_t ret_md5[16], uint32_t *ret_parts)
{
    struct span text = span_from_string(etag);
    *ret_parts = 0;
    memset(ret_md5, 0, 16);
    if (text.size == 0)
        return ETAG_NONE;
    uint8_t md5[16];
    if (text.size < 32 || !hex_decode(span_take(text, 32), md5, sizeof md5))
        return ETAG_TEXT;
    uint32_t parts = 0;
    char again[ETAG_TEXT_BYTES];
    hex_encode(span_of(md5, sizeof md5), again);
    again[32] = '\0';
    if (text.size > 33 && text.data[32] == '-') {
        for (size_t i = 33; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && parts < 1000000; i++)
            parts = parts * 10 + (uint32_t)(text.data[i] - '0');
        (void)snprintf(again + 32, sizeof again - 32, "-%u", parts);
    }
    if (strcmp(again, etag) != 0) /* upper case, leading zeros: kept as it is */
        return ETAG_TEXT;
    memcpy(ret_md5, md5, sizeof md5);
    *ret_parts = parts;
    return text.size == 32 ? ETAG_MD5 : ETAG_MD5_PARTS;
}

static void append_field(struct buffer *object, enum field_tag tag, struct span bytes)
{
    uint8_t head[FIELD_HEAD_BYTES] = {(uint8_t)tag};
    store_u32_le(head + 1, (uint32_t)bytes.size);
    buffer_append(object, span_of(head, sizeof head));
    buffer_append(object, bytes);
}

static void append_checksum(struct buffer *object, const struct checksum_value *checksum)
{
    uint8_t field[CHECKSUM_FIELD_HEAD_BYTES + CHECKSUM_BYTES_MAX] = {(uint8_t)checksum->algorithm,
                                                                     (uint8_t)checksum->type};
    size_t size = checksum_size(checksum->algorithm);
    ASSERT(size <= CHECKSUM_BYTES_MAX);
    store_u32_le(field + 2, checksum->parts_count);
    memcpy(field + CHECKSUM_FIELD_HEAD_BYTES, checksum->bytes, size);
    append_field(object, FIELD_CHECKSUM, span_of(field, CHECKSUM_FIELD_HEAD_BYTES + size));
}

static void append_number(struct buffer *object, enum field_tag tag, uint64_t number)
{
    uint8_t field[8];
    store_u64_le(field, number);
    append_field(object, tag, span_of(field, sizeof field));
}

void row_append_lock(struct buffer *object, const struct object_lock *lock)
{
    uint8_t field[LOCK_FIELD_BYTES] = {(uint8_t)lock->mode, (uint8_t)lock->hold};
    store_u64_le(field + 2, (uint64_t)lock->retain_until_ms);
    append_field(object, FIELD_LOCK, span_of(field, sizeof field));
}

void row_append_version(struct buffer *object, const char *version, uint64_t order)
{
    if (strcmp(version, "null") != 0)
        append_field(object, FIELD_VERSION, span_from_string(version));
    else if (order != 0)
        append_number(object, FIELD_ORDER, order);
}

/* Of an encrypted object they are in its seal, masked, and nowhere else. */
static bool keeps_hashes(const struct object_attributes *attributes)
{
    return attributes->seal.size == 0;
}

static uint16_t object_flags(const struct row *row)
{
    const struct object_attributes *attributes = &row->attributes;
    return (uint16_t)((attributes->is_s4 ? OBJECT_IS_S4 : 0) | (attributes->is_multipart ? OBJECT_IS_MULTIPART : 0) |
                      (attributes->is_size_known ? OBJECT_IS_SIZE_KNOWN : 0) |
                      (attributes->has_crc32c && keeps_hashes(attributes) ? OBJECT_HAS_CRC32C : 0) |
                      (attributes->is_encrypted ? OBJECT_IS_ENCRYPTED : 0) |
                      (row->is_uncounted ? OBJECT_IS_UNCOUNTED : 0) |
                      (attributes->is_delete_marker ? OBJECT_IS_MARKER : 0) |
                      (attributes->may_have_columns ? OBJECT_MAY_HAVE_COLUMNS : 0));
}

void row_encode_object(const struct row *row, struct buffer *ret_object)
{
    const struct object_attributes *attributes = &row->attributes;
    uint8_t fixed[OBJECT_FIXED_BYTES] = {0};
    uint32_t etag_parts;
    const char *etag = keeps_hashes(attributes) ? attributes->etag : "";
    enum etag_kind etag_kind = pack_etag(etag, fixed + AT_ETAG_MD5, &etag_parts);
    store_u64_le(fixed + AT_ORIGINAL_SIZE, attributes->original_size);
    store_u64_le(fixed + AT_STORED_SIZE, attributes->stored_size);
    store_u64_le(fixed + AT_MODIFIED_MS, (uint64_t)attributes->modified_ms);
    memcpy(fixed + AT_TOKEN, row->token, ROW_TOKEN_BYTES);
    store_u32_le(fixed + AT_ETAG_PARTS, etag_parts);
    store_u32_le(fixed + AT_CODEC, attributes->codec);
    store_u32_le(fixed + AT_CRC32C, keeps_hashes(attributes) ? attributes->crc32c : 0);
    store_u32_le(fixed + AT_STORED_CRC32C, row->stored_crc32c);
    store_u64_le(fixed + AT_BODY_NUMBER, row->body_number);
    store_u64_le(fixed + AT_SIDECAR_NUMBER, row->sidecar_number);
    store_u64_le(fixed + AT_SIDECAR_SIZE, attributes->sidecar_size);
    store_u32_le(fixed + AT_PARTS_COUNT, attributes->parts_count);
    store_u32_le(fixed + AT_TAGS_COUNT, attributes->tags_count);
    store_u16_le(fixed + AT_FLAGS, object_flags(row));
    fixed[AT_LAYOUT] = (uint8_t)attributes->layout;
    fixed[AT_PLACE] = (uint8_t)row->place;
    fixed[AT_ETAG_KIND] = (uint8_t)etag_kind;
    fixed[AT_LEVEL_TRIED] = attributes->level_tried;
    buffer_append(ret_object, span_of(fixed, sizeof fixed));

    if (etag_kind == ETAG_TEXT)
        append_field(ret_object, FIELD_ETAG, span_from_string(attributes->etag));
    row_append_version(ret_object, attributes->version, row->order);
    if (attributes->dictionary[0] != '\0')
        append_field(ret_object, FIELD_DICTIONARY, span_from_string(attributes->dictionary));
    if (attributes->checksum.algorithm != CHECKSUM_NONE && keeps_hashes(attributes))
        append_checksum(ret_object, &attributes->checksum);
    if (attributes->metadata.size > 0)
        append_field(ret_object, FIELD_METADATA, attributes->metadata);
    if (attributes->seal.size > 0)
        append_field(ret_object, FIELD_SEAL, attributes->seal);
    if (row->extents.size > 0)
        append_field(ret_object, FIELD_EXTENTS, row->extents);
    if (row->tags.size > 0)
        append_field(ret_object, FIELD_TAGS, row->tags);
    if (attributes->owner.size > 0)
        append_field(ret_object, FIELD_OWNER, attributes->owner);
    if (attributes->acl.size > 0)
        append_field(ret_object, FIELD_ACL, attributes->acl);
    if (attributes->lock.mode != LOCK_NONE || attributes->lock.hold != HOLD_UNSET)
        row_append_lock(ret_object, &attributes->lock);
    if (attributes->superseded_ms != 0)
        append_number(ret_object, FIELD_SUPERSEDED, (uint64_t)attributes->superseded_ms);
}

void row_set_numbers(uint8_t *object, uint64_t body_number, uint64_t sidecar_number)
{
    store_u64_le(object + AT_BODY_NUMBER, body_number);
    store_u64_le(object + AT_SIDECAR_NUMBER, sidecar_number);
}

void row_seal(struct span key, struct span object, uint64_t group, struct buffer *ret_row)
{
    uint8_t head[ROW_HEAD_BYTES + 8] = {0};
    head[4] = ROW_VERSION;
    head[5] = (uint8_t)((object.size > 0 ? ROW_HAS_OBJECT : 0) | (group != 0 ? ROW_HAS_GROUP : 0));
    store_u64_le(head + ROW_HEAD_BYTES, group);
    size_t start = ret_row->size;
    buffer_append(ret_row, span_of(head, group != 0 ? sizeof head : ROW_HEAD_BYTES));
    buffer_append(ret_row, object);
    uint32_t crc = crc32c_update(0, key);
    crc = crc32c_update(crc, span_of(ret_row->data + start + 4, ret_row->size - start - 4));
    store_u32_le(ret_row->data + start, crc);
}

/* ---- decoding ---- */

static bool damaged(struct error *error, const char *what)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A row of the catalogue is damaged (%s). Run `bale check`.", what);
}

bool row_open(struct span key, struct span bytes, struct row_shape *ret_shape, struct span *ret_object,
              struct error *error)
{
    if (bytes.size < ROW_HEAD_BYTES)
        return damaged(error, "cut off");
    if (crc32c_update(crc32c_update(0, key), span_skip(bytes, 4)) != load_u32_le(bytes.data))
        return damaged(error, "checksum");
    uint8_t flags = bytes.data[5];
    if (bytes.data[4] != ROW_VERSION || (flags & ~(ROW_HAS_OBJECT | ROW_HAS_GROUP)) != 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "A row of the catalogue was written by a newer Bale.");
    size_t head_bytes = ROW_HEAD_BYTES + ((flags & ROW_HAS_GROUP) != 0 ? 8 : 0);
    if (bytes.size < head_bytes)
        return damaged(error, "no group number");
    ret_shape->has_object = (flags & ROW_HAS_OBJECT) != 0;
    ret_shape->has_group = (flags & ROW_HAS_GROUP) != 0;
    ret_shape->group = ret_shape->has_group ? load_u64_le(bytes.data + ROW_HEAD_BYTES) : 0;
    *ret_object = span_skip(bytes, head_bytes);
    return true;
}

static bool copy_text(struct span field, char *ret_text, size_t capacity)
{
    if (field.size >= capacity)
        return false;
    memcpy(ret_text, field.data, field.size);
    ret_text[field.size] = '\0';
    return true;
}

static bool decode_checksum(struct span field, struct checksum_value *ret_checksum)
{
    if (field.size < CHECKSUM_FIELD_HEAD_BYTES || field.data[0] == CHECKSUM_NONE ||
        field.data[0] >= CHECKSUM_ALGORITHMS || field.data[1] > CHECKSUM_COMPOSITE)
        return false;
    ret_checksum->algorithm = (enum checksum_algorithm)field.data[0];
    ret_checksum->type = (enum checksum_type)field.data[1];
    ret_checksum->parts_count = load_u32_le(field.data + 2);
    struct span value = span_skip(field, CHECKSUM_FIELD_HEAD_BYTES);
    if (value.size > CHECKSUM_BYTES_MAX || value.size != checksum_size(ret_checksum->algorithm))
        return false;
    memcpy(ret_checksum->bytes, value.data, value.size);
    return true;
}

static bool decode_lock(struct span field, struct object_lock *ret_lock)
{
    if (field.size != LOCK_FIELD_BYTES || field.data[0] > LOCK_COMPLIANCE || field.data[1] > HOLD_ON)
        return false;
    ret_lock->mode = (enum lock_mode)field.data[0];
    ret_lock->hold = (enum lock_hold)field.data[1];
    ret_lock->retain_until_ms = (int64_t)load_u64_le(field.data + 2);
    return true;
}

static bool decode_number(struct span field, uint64_t *ret_number)
{
    if (field.size != 8)
        return false;
    *ret_number = load_u64_le(field.data);
    return true;
}

static bool decode_version(struct span field, struct row *row)
{
    return version_id_parse(field, &row->order) &&
           copy_text(field, row->attributes.version, sizeof row->attributes.version);
}

static bool decode_field(struct row *row, uint8_t tag, struct span field)
{
    struct object_attributes *attributes = &row->attributes;
    uint64_t number;
    switch (tag) {
    case FIELD_ETAG:
        return copy_text(field, attributes->etag, sizeof attributes->etag);
    case FIELD_VERSION:
        return decode_version(field, row);
    case FIELD_DICTIONARY:
        return copy_text(field, attributes->dictionary, sizeof attributes->dictionary);
    case FIELD_CHECKSUM:
        return decode_checksum(field, &attributes->checksum);
    case FIELD_METADATA:
        attributes->metadata = field;
        return true;
    case FIELD_EXTENTS:
        row->extents = field;
        return field.size % ROW_EXTENT_BYTES == 0;
    case FIELD_TAGS:
        row->tags = field;
        return true;
    case FIELD_OWNER:
        attributes->owner = field;
        return field.size <= ACCOUNT_ID_BYTES_MAX;
    case FIELD_ACL:
        attributes->acl = field;
        return field.size <= OBJECT_ACL_BYTES_MAX;
    case FIELD_LOCK:
        return decode_lock(field, &attributes->lock);
    case FIELD_ORDER:
        return decode_number(field, &row->order);
    case FIELD_SUPERSEDED:
        if (!decode_number(field, &number))
            return false;
        attributes->superseded_ms = (int64_t)number;
        return true;
    case FIELD_SEAL:
        attributes->seal = field;
        return field.size > 0 && field.size <= SEAL_FIELD_BYTES_MAX;
    default:
        return false;
    }
}

static bool decode_fixed(const uint8_t *fixed, struct row *row)
{
    struct object_attributes *attributes = &row->attributes;
    attributes->original_size = load_u64_le(fixed + AT_ORIGINAL_SIZE);
    attributes->stored_size = load_u64_le(fixed + AT_STORED_SIZE);
    attributes->modified_ms = (int64_t)load_u64_le(fixed + AT_MODIFIED_MS);
    memcpy(row->token, fixed + AT_TOKEN, ROW_TOKEN_BYTES);
    hex_encode(span_of(row->token, ROW_TOKEN_BYTES), attributes->stored_etag);
    attributes->stored_etag[2 * ROW_TOKEN_BYTES] = '\0';
    attributes->codec = load_u32_le(fixed + AT_CODEC);
    attributes->crc32c = load_u32_le(fixed + AT_CRC32C);
    row->stored_crc32c = load_u32_le(fixed + AT_STORED_CRC32C);
    row->body_number = load_u64_le(fixed + AT_BODY_NUMBER);
    row->sidecar_number = load_u64_le(fixed + AT_SIDECAR_NUMBER);
    attributes->sidecar_size = load_u64_le(fixed + AT_SIDECAR_SIZE);
    attributes->parts_count = load_u32_le(fixed + AT_PARTS_COUNT);
    attributes->tags_count = load_u32_le(fixed + AT_TAGS_COUNT);
    uint16_t flags = load_u16_le(fixed + AT_FLAGS);
    attributes->is_s4 = (flags & OBJECT_IS_S4) != 0;
    attributes->is_multipart = (flags & OBJECT_IS_MULTIPART) != 0;
    attributes->is_size_known = (flags & OBJECT_IS_SIZE_KNOWN) != 0;
    attributes->has_crc32c = (flags & OBJECT_HAS_CRC32C) != 0;
    attributes->is_encrypted = (flags & OBJECT_IS_ENCRYPTED) != 0;
    attributes->is_delete_marker = (flags & OBJECT_IS_MARKER) != 0;
    attributes->may_have_columns = (flags & OBJECT_MAY_HAVE_COLUMNS) != 0;
    row->is_uncounted = (flags & OBJECT_IS_UNCOUNTED) != 0;
    attributes->layout = (enum object_layout)fixed[AT_LAYOUT];
    attributes->level_tried = fixed[AT_LEVEL_TRIED];
    row->place = (enum body_place)fixed[AT_PLACE];
    uint8_t etag_kind = fixed[AT_ETAG_KIND];
    if (etag_kind == ETAG_MD5 || etag_kind == ETAG_MD5_PARTS) {
        hex_encode(span_of(fixed + AT_ETAG_MD5, 16), attributes->etag);
        attributes->etag[32] = '\0';
    }
    if (etag_kind == ETAG_MD5_PARTS)
        (void)snprintf(attributes->etag + 32, sizeof attributes->etag - 32, "-%u", load_u32_le(fixed + AT_ETAG_PARTS));
    return (flags & ~OBJECT_FLAGS_KNOWN) == 0 && fixed[AT_LAYOUT] <= LAYOUT_CODEC && fixed[AT_PLACE] <= BODY_PIECES &&
           etag_kind <= ETAG_TEXT;
}

static bool has_no_hashes(const struct object_attributes *attributes)
{
    return attributes->etag[0] == '\0' && !attributes->has_crc32c && attributes->crc32c == 0 &&
           attributes->checksum.algorithm == CHECKSUM_NONE;
}

bool row_decode_object(struct span object, struct row *ret_row, struct error *error)
{
    *ret_row = (struct row){.attributes.version = "null"};
    if (object.size < OBJECT_FIXED_BYTES || !decode_fixed(object.data, ret_row))
        return damaged(error, "fixed part");
    for (struct span rest = span_skip(object, OBJECT_FIXED_BYTES); rest.size > 0;) {
        if (rest.size < FIELD_HEAD_BYTES || load_u32_le(rest.data + 1) > rest.size - FIELD_HEAD_BYTES)
            return damaged(error, "field");
        struct span field = span_of(rest.data + FIELD_HEAD_BYTES, load_u32_le(rest.data + 1));
        if (!decode_field(ret_row, rest.data[0], field))
            return damaged(error, "field");
        rest = span_skip(rest, FIELD_HEAD_BYTES + field.size);
    }
    return keeps_hashes(&ret_row->attributes) || has_no_hashes(&ret_row->attributes) ||
           damaged(error, "hashes beside a seal");
}

/* ---- what the ledger counts ---- */

static struct ledger_amounts amounts_of(uint64_t original, uint64_t body, uint64_t sidecar)
{
    return (struct ledger_amounts){1, (int64_t)original, (int64_t)(body + sidecar)};
}

static struct ledger_amounts as_former(struct ledger_amounts amounts)
{
    return (struct ledger_amounts){.former_versions = amounts.objects,
                                   .former_original_bytes = amounts.original_bytes,
                                   .former_stored_bytes = amounts.stored_bytes};
}

struct ledger_amounts row_amounts(const struct row *row)
{
    const struct object_attributes *attributes = &row->attributes;
    if (row->is_uncounted || attributes->is_delete_marker)
        return (struct ledger_amounts){0};
    struct ledger_amounts amounts =
        amounts_of(attributes->original_size, attributes->stored_size, attributes->sidecar_size);
    return attributes->superseded_ms == 0 ? amounts : as_former(amounts);
}

struct ledger_amounts row_amounts_encoded(const uint8_t *object)
{
    return (load_u16_le(object + AT_FLAGS) & OBJECT_IS_UNCOUNTED) != 0
               ? (struct ledger_amounts){0}
               : amounts_of(load_u64_le(object + AT_ORIGINAL_SIZE), load_u64_le(object + AT_STORED_SIZE),
                            load_u64_le(object + AT_SIDECAR_SIZE));
}
