/* store/remote/rows/row.c -- rows: made of answers, put beside answers, as bytes. */
#include "store/remote/rows/row.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <assert.h>

enum {
    ROW_VERSION = 7,
    IS_S4 = 1 << 0,
    IS_MULTIPART = 1 << 1,
    HAS_CRC32C = 1 << 2,
    IS_ENCRYPTED = 1 << 3,
    IS_STAMPED = 1 << 4,
    IS_METADATA_IN_TRAILER = 1 << 5,
    WAS_SAID_BEFORE = 1 << 6,
    MAY_HAVE_COLUMNS = 1 << 7,
    IS_COUNTED = 1 << 7, /* beside the kind of trailer */

    AT_FLAGS = 1,
    AT_LAYOUT = 2,
    AT_TRAILER = 3,
    AT_CODEC = 4,
    AT_CRC32C = 8,
    AT_PARTS = 12,
    AT_ORIGINAL_SIZE = 16,
    AT_STORED_SIZE = 24,
    AT_SIDECAR_SIZE = 32,
    AT_MODIFIED = 40,
    AT_TRAILER_BYTES = 48,
    AT_EXPIRES = 56,
    AT_CHECKSUM_ALGORITHM = 64,
    AT_CHECKSUM_TYPE = 65,
    AT_STORED_ETAG_BYTES = 66,
    AT_ETAG_BYTES = 67,
    AT_CHECKSUM_PARTS = 68,
    AT_CHECKSUM = 72,
    AT_DICTIONARY = AT_CHECKSUM + CHECKSUM_BYTES_MAX,
    AT_REVISION = AT_DICTIONARY + 16,
    AT_KEPT = AT_REVISION + 8,
    AT_OWNER_BYTES = AT_KEPT + 8,
    AT_SEAL_BYTES = AT_OWNER_BYTES + 1,
    AT_CLASS = AT_SEAL_BYTES + 2,
    ROW_HEAD_BYTES = AT_CLASS + STAMP_CLASS_BYTES,
};

void row_key(struct span bucket, struct span key, uint8_t ret_key[ROW_KEY_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, bucket);
    sha256_update(&sum, SPAN("/"));
    sha256_update(&sum, key);
    sha256_end(&sum, digest);
    memcpy(ret_key, digest, ROW_KEY_BYTES);
}

void row_key_of_version(const uint8_t key[ROW_KEY_BYTES], struct span version, uint8_t ret_key[ROW_KEY_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, span_of(key, ROW_KEY_BYTES));
    sha256_update(&sum, version);
    sha256_end(&sum, digest);
    memcpy(ret_key, digest, ROW_KEY_BYTES);
}

/* ---- answers ---- */

bool row_of(const struct backend_object *object, bool was_said_before, struct row *ret_row)
{
    const struct object_attributes *attributes = &object->attributes;
    bool is_told = attributes->etag[0] != '\0' || attributes->seal.size > 0 || !object->is_stamped;
    if (!attributes->is_size_known || !is_told || attributes->seal.size > ROW_SEAL_BYTES_MAX)
        return false;
    ASSERT(attributes->owner.size <= ACCOUNT_ID_BYTES_MAX);
    *ret_row = (struct row){
        .attributes = *attributes,
        .is_stamped = object->is_stamped,
        .is_metadata_in_trailer = object->stamp.is_metadata_in_trailer,
        .kept_ms = object->is_stamped ? object->stamp.kept_ms : 0,
        .trailer = object->stamp.trailer,
        .trailer_bytes = object->stamp.trailer_bytes,
        .was_said_before = was_said_before,
    };
    if (object->is_stamped)
        memcpy(ret_row->storage_class, object->stamp.storage_class, sizeof ret_row->storage_class);
    ret_row->seal_size = (uint16_t)attributes->seal.size;
    if (attributes->seal.size > 0)
        memcpy(ret_row->seal, attributes->seal.data, attributes->seal.size);
    ret_row->attributes.metadata = ret_row->attributes.seal = SPAN_EMPTY;
    ret_row->attributes.owner = ret_row->attributes.acl = SPAN_EMPTY;
    if (attributes->owner.size > 0)
        memcpy(ret_row->owner, attributes->owner.data, attributes->owner.size);
    ret_row->attributes.tags_count = 0;
    ret_row->attributes.place = 0; /* it changes without the ETag */
    ret_row->attributes.placed_s = 0;
    ret_row->attributes.lock = (struct object_lock){.mode = LOCK_NONE}; /* it changes without the ETag */
    memcpy(ret_row->attributes.version, "null", sizeof "null");
    return true;
}

void row_apply(const struct row *row, struct backend_object *object)
{
    struct object_attributes *attributes = &object->attributes;
    const struct object_attributes *known = &row->attributes;
    if (!attributes->is_size_known) {
        attributes->is_size_known = true;
        attributes->original_size = known->original_size;
    }
    if (attributes->seal.size == 0 && row->seal_size > 0) {
        attributes->seal = span_of(row->seal, row->seal_size);
        attributes->is_encrypted = false;
    }
    if (attributes->etag[0] == '\0')
        memcpy(attributes->etag, known->etag, sizeof attributes->etag);
    if (!attributes->has_crc32c) {
        attributes->has_crc32c = known->has_crc32c;
        attributes->crc32c = known->crc32c;
    }
    if (attributes->checksum.algorithm == CHECKSUM_NONE)
        attributes->checksum = known->checksum;
    if (attributes->parts_count == 0)
        attributes->parts_count = known->parts_count;
    attributes->sidecar_size = known->sidecar_size;
}

void row_lift_veil(struct row *row, const struct veil *veil)
{
    row->attributes.seal = span_of(row->seal, row->seal_size);
    veil_lift(veil, &row->attributes);
    row->attributes.seal = SPAN_EMPTY; /* rows are copied */
}

/* ---- bytes ---- */

static uint8_t flags_of(const struct row *row)
{
    const struct object_attributes *attributes = &row->attributes;
    return (uint8_t)((attributes->is_s4 ? IS_S4 : 0) | (attributes->is_multipart ? IS_MULTIPART : 0) |
                     (attributes->has_crc32c && row->seal_size == 0 ? HAS_CRC32C : 0) |
                     (attributes->is_encrypted ? IS_ENCRYPTED : 0) | (row->is_stamped ? IS_STAMPED : 0) |
                     (row->is_metadata_in_trailer ? IS_METADATA_IN_TRAILER : 0) |
                     (row->was_said_before ? WAS_SAID_BEFORE : 0) |
                     (attributes->may_have_columns ? MAY_HAVE_COLUMNS : 0));
}

static void put_checksum(const struct checksum_value *checksum, uint8_t *head)
{
    head[AT_CHECKSUM_ALGORITHM] = (uint8_t)checksum->algorithm;
    head[AT_CHECKSUM_TYPE] = (uint8_t)checksum->type;
    store_u32_le(head + AT_CHECKSUM_PARTS, checksum->parts_count);
    memcpy(head + AT_CHECKSUM, checksum->bytes, CHECKSUM_BYTES_MAX);
}

static uint8_t *append(uint8_t *to, struct span bytes)
{
    if (bytes.size > 0) /* an empty one may point nowhere */
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

size_t row_encode(const struct row *row, uint8_t ret_bytes[ROW_BYTES_MAX])
{
    static_assert(ROW_HEAD_BYTES + STORED_ETAG_TEXT_BYTES + ETAG_TEXT_BYTES + ACCOUNT_ID_BYTES_MAX +
                          ROW_SEAL_BYTES_MAX <=
                      ROW_BYTES_MAX,
                  "room for every row");
    const struct object_attributes *attributes = &row->attributes;
    bool is_sealed = row->seal_size > 0; /* then hashes are in the seal alone */
    struct span stored_etag = span_from_string(attributes->stored_etag);
    struct span etag = is_sealed ? SPAN_EMPTY : span_from_string(attributes->etag);
    struct span owner = span_from_string(row->owner);
    uint8_t *head = ret_bytes;
    memset(head, 0, ROW_HEAD_BYTES);
    head[0] = ROW_VERSION;
    head[AT_FLAGS] = flags_of(row);
    head[AT_LAYOUT] = (uint8_t)attributes->layout;
    head[AT_TRAILER] = (uint8_t)((unsigned)row->trailer | (row->is_counted ? IS_COUNTED : 0));
    store_u32_le(head + AT_CODEC, attributes->codec);
    store_u32_le(head + AT_CRC32C, is_sealed ? 0 : attributes->crc32c);
    store_u32_le(head + AT_PARTS, attributes->parts_count);
    store_u64_le(head + AT_ORIGINAL_SIZE, attributes->original_size);
    store_u64_le(head + AT_STORED_SIZE, attributes->stored_size);
    store_u64_le(head + AT_SIDECAR_SIZE, attributes->sidecar_size);
    store_u64_le(head + AT_MODIFIED, (uint64_t)attributes->modified_ms);
    store_u64_le(head + AT_TRAILER_BYTES, row->trailer_bytes);
    store_u64_le(head + AT_EXPIRES, row->expires_ms);
    store_u64_le(head + AT_KEPT, (uint64_t)row->kept_ms);
    head[AT_STORED_ETAG_BYTES] = (uint8_t)stored_etag.size;
    head[AT_ETAG_BYTES] = (uint8_t)etag.size;
    if (!is_sealed)
        put_checksum(&attributes->checksum, head);
    memcpy(head + AT_DICTIONARY, attributes->dictionary, 16);
    store_u64_le(head + AT_REVISION, attributes->revision);
    head[AT_OWNER_BYTES] = (uint8_t)owner.size;
    store_u16_le(head + AT_SEAL_BYTES, row->seal_size);
    memcpy(head + AT_CLASS, row->storage_class, STAMP_CLASS_BYTES);
    uint8_t *end = head + ROW_HEAD_BYTES;
    end = append(end, stored_etag);
    end = append(end, etag);
    end = append(end, owner);
    end = append(end, span_of(row->seal, row->seal_size));
    return (size_t)(end - ret_bytes);
}

static void read_numbers(const uint8_t *head, struct row *row)
{
    struct object_attributes *attributes = &row->attributes;
    uint8_t flags = head[AT_FLAGS];
    attributes->is_s4 = (flags & IS_S4) != 0;
    attributes->is_multipart = (flags & IS_MULTIPART) != 0;
    attributes->has_crc32c = (flags & HAS_CRC32C) != 0;
    attributes->is_encrypted = (flags & IS_ENCRYPTED) != 0;
    attributes->may_have_columns = (flags & MAY_HAVE_COLUMNS) != 0;
    attributes->is_size_known = true;
    row->is_stamped = (flags & IS_STAMPED) != 0;
    row->is_metadata_in_trailer = (flags & IS_METADATA_IN_TRAILER) != 0;
    row->was_said_before = (flags & WAS_SAID_BEFORE) != 0;
    row->is_counted = (head[AT_TRAILER] & IS_COUNTED) != 0;
    attributes->codec = load_u32_le(head + AT_CODEC);
    attributes->crc32c = load_u32_le(head + AT_CRC32C);
    attributes->parts_count = load_u32_le(head + AT_PARTS);
    attributes->original_size = load_u64_le(head + AT_ORIGINAL_SIZE);
    attributes->stored_size = load_u64_le(head + AT_STORED_SIZE);
    attributes->sidecar_size = load_u64_le(head + AT_SIDECAR_SIZE);
    attributes->modified_ms = (int64_t)load_u64_le(head + AT_MODIFIED);
    row->trailer_bytes = load_u64_le(head + AT_TRAILER_BYTES);
    row->expires_ms = load_u64_le(head + AT_EXPIRES);
    row->kept_ms = (int64_t)load_u64_le(head + AT_KEPT);
    memcpy(row->storage_class, head + AT_CLASS, STAMP_CLASS_BYTES - 1); /* a zero behind it is there */
    attributes->checksum.parts_count = load_u32_le(head + AT_CHECKSUM_PARTS);
    memcpy(attributes->checksum.bytes, head + AT_CHECKSUM, CHECKSUM_BYTES_MAX);
    memcpy(attributes->dictionary, head + AT_DICTIONARY, 16);
    attributes->revision = load_u64_le(head + AT_REVISION);
    memcpy(attributes->version, "null", sizeof "null");
}

bool row_decode(struct span bytes, struct row *ret_row)
{
    if (bytes.size < ROW_HEAD_BYTES || bytes.data[0] != ROW_VERSION)
        return false;
    const uint8_t *head = bytes.data;
    size_t stored_etag = head[AT_STORED_ETAG_BYTES];
    size_t etag = head[AT_ETAG_BYTES];
    size_t owner = head[AT_OWNER_BYTES];
    size_t seal = load_u16_le(head + AT_SEAL_BYTES);
    if (head[AT_LAYOUT] > LAYOUT_CODEC || (head[AT_TRAILER] & ~IS_COUNTED) > STAMP_TRAILER_SAYS ||
        head[AT_CHECKSUM_ALGORITHM] >= CHECKSUM_ALGORITHMS || head[AT_CHECKSUM_TYPE] > CHECKSUM_COMPOSITE ||
        stored_etag == 0 || stored_etag >= sizeof ret_row->attributes.stored_etag ||
        etag >= sizeof ret_row->attributes.etag || owner >= sizeof ret_row->owner || seal > ROW_SEAL_BYTES_MAX ||
        (seal > 0 && etag > 0) || bytes.size != ROW_HEAD_BYTES + stored_etag + etag + owner + seal)
        return false;
    *ret_row = (struct row){0};
    read_numbers(head, ret_row);
    ret_row->trailer = (enum stamp_trailer)(head[AT_TRAILER] & ~IS_COUNTED);
    ret_row->attributes.layout = (enum object_layout)head[AT_LAYOUT];
    ret_row->attributes.checksum.algorithm = (enum checksum_algorithm)head[AT_CHECKSUM_ALGORITHM];
    ret_row->attributes.checksum.type = (enum checksum_type)head[AT_CHECKSUM_TYPE];
    memcpy(ret_row->attributes.stored_etag, head + ROW_HEAD_BYTES, stored_etag);
    memcpy(ret_row->attributes.etag, head + ROW_HEAD_BYTES + stored_etag, etag);
    memcpy(ret_row->owner, head + ROW_HEAD_BYTES + stored_etag + etag, owner);
    memcpy(ret_row->seal, head + ROW_HEAD_BYTES + stored_etag + etag + owner, seal);
    ret_row->seal_size = (uint16_t)seal;
    return true;
}
