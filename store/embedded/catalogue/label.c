/* store/embedded/catalogue/label.c -- what a body in a volume says of itself. */
#include "store/embedded/catalogue/label.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "store/bucket.h"

enum {
    AT_CRC32C = 8, /* of all that follows it */
    AT_SIZE = 12,
    AT_UUID = 16,
    AT_OFFSET = 32,
    AT_VOLUME = 40,
    AT_BUCKET_BYTES = 44,
    AT_KEY_BYTES = 46,
    AT_OBJECT_BYTES = 48,
    AT_EXTENTS_BYTES = 52, /* then eight zeros */
};
static const char body_magic[8] = {'B', 'A', 'L', 'E', 'B', 'O', 'D', 'Y'};
static const char manifest_magic[8] = {'B', 'A', 'L', 'E', 'P', 'A', 'R', 'T'};

bool label_may_be(const uint8_t bytes[8])
{
    return memcmp(bytes, body_magic, sizeof body_magic) == 0 ||
           memcmp(bytes, manifest_magic, sizeof manifest_magic) == 0;
}

void label_encode(const struct label *label, const uint8_t uuid[STORE_UUID_BYTES], uint32_t volume, uint64_t at,
                  struct buffer *ret_bytes)
{
    uint8_t head[LABEL_HEAD_BYTES] = {0};
    memcpy(head, label->is_manifest ? manifest_magic : body_magic, sizeof body_magic);
    store_u32_le(head + AT_SIZE, (uint32_t)label_bytes(label));
    memcpy(head + AT_UUID, uuid, STORE_UUID_BYTES);
    store_u64_le(head + AT_OFFSET, at);
    store_u32_le(head + AT_VOLUME, volume);
    store_u16_le(head + AT_BUCKET_BYTES, (uint16_t)label->bucket.size);
    store_u16_le(head + AT_KEY_BYTES, (uint16_t)label->key.size);
    store_u32_le(head + AT_OBJECT_BYTES, (uint32_t)label->object.size);
    store_u32_le(head + AT_EXTENTS_BYTES, (uint32_t)label->extents.size);
    size_t start = ret_bytes->size;
    buffer_append(ret_bytes, span_of(head, sizeof head));
    buffer_append(ret_bytes, label->bucket);
    buffer_append(ret_bytes, label->key);
    buffer_append(ret_bytes, label->object);
    buffer_append(ret_bytes, label->extents);
    struct span covered = span_skip(buffer_span(ret_bytes), start + AT_SIZE);
    store_u32_le(ret_bytes->data + start + AT_CRC32C, crc32c_update(0, covered));
}

bool label_decode(struct span bytes, const uint8_t uuid[STORE_UUID_BYTES], uint32_t volume, uint64_t at,
                  struct label *ret_label, size_t *ret_size)
{
    *ret_size = 0;
    if (bytes.size < LABEL_HEAD_BYTES || !label_may_be(bytes.data) ||
        memcmp(bytes.data + AT_UUID, uuid, STORE_UUID_BYTES) != 0 || load_u64_le(bytes.data + AT_OFFSET) != at ||
        load_u32_le(bytes.data + AT_VOLUME) != volume)
        return false;
    size_t size = load_u32_le(bytes.data + AT_SIZE);
    size_t bucket_bytes = load_u16_le(bytes.data + AT_BUCKET_BYTES);
    size_t key_bytes = load_u16_le(bytes.data + AT_KEY_BYTES);
    size_t object_bytes = load_u32_le(bytes.data + AT_OBJECT_BYTES);
    size_t extents_bytes = load_u32_le(bytes.data + AT_EXTENTS_BYTES);
    bool is_manifest = memcmp(bytes.data, manifest_magic, sizeof manifest_magic) == 0;
    if (size > (is_manifest ? MANIFEST_BYTES_MAX : LABEL_BYTES_MAX) || bucket_bytes > BUCKET_NAME_BYTES_MAX ||
        key_bytes > OBJECT_KEY_BYTES_MAX || (!is_manifest && extents_bytes % ROW_EXTENT_BYTES != 0) ||
        size != LABEL_HEAD_BYTES + bucket_bytes + key_bytes + object_bytes + extents_bytes)
        return false;
    *ret_size = size;
    if (bytes.size < size)
        return false;
    if (crc32c_update(0, span_of(bytes.data + AT_SIZE, size - AT_SIZE)) != load_u32_le(bytes.data + AT_CRC32C))
        return false;
    const uint8_t *next = bytes.data + LABEL_HEAD_BYTES;
    ret_label->is_manifest = is_manifest;
    ret_label->bucket = span_of(next, bucket_bytes);
    ret_label->key = span_of(next + bucket_bytes, key_bytes);
    ret_label->object = span_of(next + bucket_bytes + key_bytes, object_bytes);
    ret_label->extents = span_of(next + bucket_bytes + key_bytes + object_bytes, extents_bytes);
    return true;
}
