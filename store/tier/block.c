/* store/tier/block.c -- blocks: their names, their bytes, and the proof that these belong together. */
#include "store/tier/block.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum { VERSION = 1, NAME_BYTES_MAX = BUCKET_NAME_BYTES_MAX + OBJECT_KEY_BYTES_MAX + STORED_ETAG_TEXT_BYTES + 64 };

/* Places in the header. */
enum { AT_VERSION = 4, AT_PAYLOAD = 8, AT_CRC = 12, AT_REVISION = 16, AT_NUMBER = 32, AT_SIZE = 40, AT_SECOND = 48 };

static const uint8_t magic[4] = {'B', 'T', 'B', '1'};

static void append_u64(struct buffer *to, uint64_t value)
{
    uint8_t bytes[8];
    store_u64_le(bytes, value);
    buffer_append(to, span_of(bytes, sizeof bytes));
}

static void append_text(struct buffer *to, struct span text)
{
    append_u64(to, text.size);
    buffer_append(to, text);
}

struct block_revision block_revision_of(const struct hmac_sha256_key *key, const struct object_name *name,
                                        const struct object_attributes *attributes)
{
    uint8_t memory[NAME_BYTES_MAX];
    uint8_t digest[SHA256_BYTES];
    struct buffer text = {.data = memory, .capacity = sizeof memory, .limit = sizeof memory};
    struct block_revision revision = {.stored_size = attributes->stored_size};
    append_text(&text, name->bucket);
    append_text(&text, name->key);
    append_text(&text, span_from_string(attributes->stored_etag));
    append_u64(&text, attributes->stored_size);
    append_u64(&text, (uint64_t)(attributes->modified_ms / 1000));
    ASSERT(!text.overflow);
    hmac_sha256_sign(key, buffer_span(&text), digest);
    memcpy(revision.bytes, digest, sizeof revision.bytes);
    return revision;
}

uint64_t block_hash(const uint8_t revision[REVISION_BYTES], uint64_t number)
{
    uint64_t hash = load_u64_le(revision) ^ (number * UINT64_C(0x9e3779b97f4a7c15));
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static uint32_t crc_of(const uint8_t *block, uint32_t payload_bytes)
{
    uint8_t header[BLOCK_HEADER_BYTES];
    memcpy(header, block, sizeof header);
    store_u32_le(header + AT_CRC, 0);
    return crc32c_update(crc32c_update(0, span_of(header, sizeof header)),
                         span_of(block + BLOCK_HEADER_BYTES, payload_bytes));
}

void block_write(const struct block_name *name, struct span payload, uint64_t second, uint8_t *ret_block)
{
    ASSERT(payload.size == block_payload_bytes(name) && payload.size > 0);
    size_t size = BLOCK_HEADER_BYTES + payload.size;
    memset(ret_block, 0, BLOCK_HEADER_BYTES);
    memcpy(ret_block, magic, sizeof magic);
    ret_block[AT_VERSION] = VERSION;
    store_u32_le(ret_block + AT_PAYLOAD, (uint32_t)payload.size);
    memcpy(ret_block + AT_REVISION, name->revision.bytes, REVISION_BYTES);
    store_u64_le(ret_block + AT_NUMBER, name->number);
    store_u64_le(ret_block + AT_SIZE, name->revision.stored_size);
    store_u64_le(ret_block + AT_SECOND, second);
    memcpy(ret_block + BLOCK_HEADER_BYTES, payload.data, payload.size);
    store_u32_le(ret_block + AT_CRC, crc_of(ret_block, (uint32_t)payload.size));
    memset(ret_block + size, 0, block_units((uint32_t)payload.size) * BLOCK_UNIT_BYTES - size);
}

bool block_read_name(struct span bytes, struct block_name *ret_name, uint64_t *ret_second)
{
    if (bytes.size < BLOCK_HEADER_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0 ||
        bytes.data[AT_VERSION] != VERSION)
        return false;
    uint32_t payload_bytes = load_u32_le(bytes.data + AT_PAYLOAD);
    memcpy(ret_name->revision.bytes, bytes.data + AT_REVISION, REVISION_BYTES);
    ret_name->number = load_u64_le(bytes.data + AT_NUMBER);
    ret_name->revision.stored_size = load_u64_le(bytes.data + AT_SIZE);
    *ret_second = load_u64_le(bytes.data + AT_SECOND);
    if (payload_bytes > BLOCK_PAYLOAD_BYTES || payload_bytes > bytes.size - BLOCK_HEADER_BYTES ||
        load_u32_le(bytes.data + AT_CRC) != crc_of(bytes.data, payload_bytes))
        return false;
    return ret_name->number <= UINT64_MAX / BLOCK_PAYLOAD_BYTES &&
           block_offset(ret_name->number) < ret_name->revision.stored_size &&
           block_payload_bytes(ret_name) == payload_bytes;
}

bool block_check(struct span bytes, const struct block_name *name)
{
    struct block_name found;
    uint64_t second;
    return block_read_name(bytes, &found, &second) && found.number == name->number &&
           found.revision.stored_size == name->revision.stored_size &&
           memcmp(found.revision.bytes, name->revision.bytes, REVISION_BYTES) == 0;
}

bool block_is_erased(struct span bytes)
{
    static const uint8_t zeroes[BLOCK_HEADER_BYTES];
    return bytes.size >= sizeof zeroes && memcmp(bytes.data, zeroes, sizeof zeroes) == 0;
}
