/* store/remote/uploads/record.c -- the records of an upload as packed lists behind a magic and a checksum. */
#include "store/remote/uploads/record.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"
#include "store/s4_metadata.h"

enum { MAGIC_BYTES = 8, HEAD_BYTES = MAGIC_BYTES + 4, BLOCK_HEAD_BYTES = 5 };
static const char upload_magic[MAGIC_BYTES + 1] = "BALEUPL2";
static const char end_magic[MAGIC_BYTES + 1] = "BALEEND2";

/* ---- blocks: a letter, u32 size, bytes ---- */

static void put(struct buffer *to, char name, struct span bytes)
{
    uint8_t head[BLOCK_HEAD_BYTES] = {(uint8_t)name};
    store_u32_le(head + 1, (uint32_t)bytes.size);
    buffer_append(to, span_of(head, sizeof head));
    buffer_append(to, bytes);
}

static void put_number(struct buffer *to, char name, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    put(to, name, span_of(digits, decimal_format(value, digits)));
}

static bool find(struct span blocks, char name, struct span *ret_bytes)
{
    while (blocks.size >= BLOCK_HEAD_BYTES) {
        size_t size = load_u32_le(blocks.data + 1);
        bool is_it = blocks.data[0] == (uint8_t)name;
        blocks = span_skip(blocks, BLOCK_HEAD_BYTES);
        if (size > blocks.size)
            return false;
        *ret_bytes = span_take(blocks, size);
        if (is_it)
            return true;
        blocks = span_skip(blocks, size);
    }
    return false;
}

static bool find_number(struct span blocks, char name, uint64_t most, uint64_t *ret_value)
{
    struct span digits;
    return find(blocks, name, &digits) && decimal_parse_range(digits, 0, most, ret_value);
}

static void begin(const char *magic, struct buffer *to)
{
    uint8_t head[HEAD_BYTES] = {0};
    memcpy(head, magic, MAGIC_BYTES);
    buffer_append(to, span_of(head, sizeof head));
}

static void seal(struct buffer *to)
{
    store_u32_le(to->data + MAGIC_BYTES, crc32c_update(0, span_skip(buffer_span(to), HEAD_BYTES)));
}

static bool open_sealed(const char *magic, struct span bytes, struct span *ret_blocks)
{
    if (bytes.size < HEAD_BYTES || bytes.size > RECORD_BYTES_MAX || memcmp(bytes.data, magic, MAGIC_BYTES) != 0)
        return false;
    *ret_blocks = span_skip(bytes, HEAD_BYTES);
    return load_u32_le(bytes.data + MAGIC_BYTES) == crc32c_update(0, *ret_blocks);
}

/* ---- the descriptor ---- */

void upload_record_encode(const struct upload_record *record, struct buffer *ret_bytes)
{
    const struct upload_info *info = &record->info;
    begin(upload_magic, ret_bytes);
    put(ret_bytes, 'k', info->key);
    put(ret_bytes, 'i', info->initiator);
    put_number(ret_bytes, 't', (uint64_t)info->initiated_ms);
    put_number(ret_bytes, 'a', (uint64_t)info->checksum_algorithm);
    put_number(ret_bytes, 'y', (uint64_t)info->checksum_type);
    put(ret_bytes, 'm', info->metadata);
    put(ret_bytes, 'g', info->tags);
    put(ret_bytes, 'u', record->backend_upload);
    put(ret_bytes, 'n', span_of(record->nonce, STAMP_NONCE_BYTES));
    put_number(ret_bytes, 'w', record->is_metadata_in_trailer);
    seal(ret_bytes);
}

static bool find_nonce(struct span blocks, uint8_t ret_nonce[STAMP_NONCE_BYTES])
{
    struct span nonce;
    if (!find(blocks, 'n', &nonce) || nonce.size != STAMP_NONCE_BYTES)
        return false;
    memcpy(ret_nonce, nonce.data, STAMP_NONCE_BYTES);
    return true;
}

static bool read_info(struct span blocks, struct upload_info *ret_info)
{
    uint64_t initiated;
    uint64_t algorithm;
    uint64_t type;
    if (!find(blocks, 'k', &ret_info->key) || !find(blocks, 'i', &ret_info->initiator) ||
        !find_number(blocks, 't', INT64_MAX, &initiated) ||
        !find_number(blocks, 'a', CHECKSUM_ALGORITHMS - 1, &algorithm) ||
        !find_number(blocks, 'y', CHECKSUM_COMPOSITE, &type) || !find(blocks, 'm', &ret_info->metadata) ||
        !find(blocks, 'g', &ret_info->tags))
        return false;
    ret_info->initiated_ms = (int64_t)initiated;
    ret_info->checksum_algorithm = (enum checksum_algorithm)algorithm;
    ret_info->checksum_type = (enum checksum_type)type;
    return ret_info->key.size >= 1 && ret_info->key.size <= OBJECT_KEY_BYTES_MAX &&
           ret_info->initiator.size <= ACCOUNT_ID_BYTES_MAX;
}

bool upload_record_decode(struct span bytes, struct upload_record *ret_record)
{
    struct span blocks;
    uint64_t is_in_trailer;
    *ret_record = (struct upload_record){0};
    if (!open_sealed(upload_magic, bytes, &blocks) || !read_info(blocks, &ret_record->info) ||
        !find(blocks, 'u', &ret_record->backend_upload) || !find_nonce(blocks, ret_record->nonce) ||
        !find_number(blocks, 'w', 1, &is_in_trailer))
        return false;
    ret_record->is_metadata_in_trailer = is_in_trailer == 1;
    return ret_record->backend_upload.size >= 1 && ret_record->backend_upload.size <= BACKEND_UPLOAD_BYTES_MAX;
}

/* ---- the end ---- */

void upload_end_encode(const struct upload_end *end, struct buffer *ret_bytes)
{
    struct buffer checksum = {0};
    begin(end_magic, ret_bytes);
    put(ret_bytes, 'k', end->key);
    put(ret_bytes, 'n', span_of(end->nonce, STAMP_NONCE_BYTES));
    put(ret_bytes, 't', span_of(end->token, UPLOAD_TOKEN_BYTES));
    put(ret_bytes, 'e', span_from_string(end->etag));
    if (end->checksum.algorithm != CHECKSUM_NONE)
        s4_checksum_encode(&end->checksum, &checksum);
    put(ret_bytes, 'c', buffer_span(&checksum));
    seal(ret_bytes);
    buffer_free(&checksum);
}

bool upload_end_decode(struct span bytes, struct upload_end *ret_end)
{
    struct span blocks;
    struct span etag;
    struct span token;
    struct span checksum;
    *ret_end = (struct upload_end){0};
    if (!open_sealed(end_magic, bytes, &blocks) || !find(blocks, 'k', &ret_end->key) ||
        !find_nonce(blocks, ret_end->nonce) || !find(blocks, 't', &token) || token.size != UPLOAD_TOKEN_BYTES ||
        !find(blocks, 'e', &etag) || etag.size >= sizeof ret_end->etag || !find(blocks, 'c', &checksum))
        return false;
    memcpy(ret_end->token, token.data, UPLOAD_TOKEN_BYTES);
    memcpy(ret_end->etag, etag.data, etag.size);
    return checksum.size == 0 || s4_checksum_decode(checksum, &ret_end->checksum);
}
