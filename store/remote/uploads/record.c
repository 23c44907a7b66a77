/* store/remote/uploads/record.c -- the records of an upload as packed lists behind a magic and a checksum. */
#include "store/remote/uploads/record.h"

#include "store/remote/format/blocks.h"
#include "store/s4_metadata.h"

static const char upload_magic[BLOCKS_MAGIC_BYTES + 1] = "BALEUPL2";
static const char end_magic[BLOCKS_MAGIC_BYTES + 1] = "BALEEND2";

/* ---- the descriptor ---- */

void upload_record_encode(const struct upload_record *record, struct buffer *ret_bytes)
{
    const struct upload_info *info = &record->info;
    blocks_begin(upload_magic, ret_bytes);
    blocks_put(ret_bytes, 'k', info->key);
    blocks_put(ret_bytes, 'i', info->initiator);
    blocks_put_number(ret_bytes, 't', (uint64_t)info->initiated_ms);
    blocks_put_number(ret_bytes, 'a', (uint64_t)info->checksum_algorithm);
    blocks_put_number(ret_bytes, 'y', (uint64_t)info->checksum_type);
    blocks_put(ret_bytes, 'm', info->metadata);
    blocks_put(ret_bytes, 'g', info->tags);
    blocks_put(ret_bytes, 'u', record->backend_upload);
    blocks_put(ret_bytes, 'n', span_of(record->nonce, STAMP_NONCE_BYTES));
    blocks_put_number(ret_bytes, 'w', record->is_metadata_in_trailer);
    if (info->owner.size > 0)
        blocks_put(ret_bytes, 'o', info->owner);
    if (info->acl.size > 0)
        blocks_put(ret_bytes, 'l', info->acl);
    if (info->seal.size > 0)
        blocks_put(ret_bytes, 's', info->seal);
    blocks_seal(ret_bytes);
}

static bool find_nonce(struct span blocks, uint8_t ret_nonce[STAMP_NONCE_BYTES])
{
    struct span nonce;
    if (!blocks_find(blocks, 'n', &nonce) || nonce.size != STAMP_NONCE_BYTES)
        return false;
    memcpy(ret_nonce, nonce.data, STAMP_NONCE_BYTES);
    return true;
}

static bool read_info(struct span blocks, struct upload_info *ret_info)
{
    uint64_t initiated;
    uint64_t algorithm;
    uint64_t type;
    if (!blocks_find(blocks, 'k', &ret_info->key) || !blocks_find(blocks, 'i', &ret_info->initiator) ||
        !blocks_find_number(blocks, 't', INT64_MAX, &initiated) ||
        !blocks_find_number(blocks, 'a', CHECKSUM_ALGORITHMS - 1, &algorithm) ||
        !blocks_find_number(blocks, 'y', CHECKSUM_COMPOSITE, &type) || !blocks_find(blocks, 'm', &ret_info->metadata) ||
        !blocks_find(blocks, 'g', &ret_info->tags))
        return false;
    (void)blocks_find(blocks, 'o', &ret_info->owner); /* most have neither */
    (void)blocks_find(blocks, 'l', &ret_info->acl);
    (void)blocks_find(blocks, 's', &ret_info->seal);
    ret_info->initiated_ms = (int64_t)initiated;
    ret_info->checksum_algorithm = (enum checksum_algorithm)algorithm;
    ret_info->checksum_type = (enum checksum_type)type;
    return ret_info->key.size >= 1 && ret_info->key.size <= OBJECT_KEY_BYTES_MAX &&
           ret_info->initiator.size <= ACCOUNT_ID_BYTES_MAX && ret_info->owner.size <= ACCOUNT_ID_BYTES_MAX &&
           ret_info->acl.size <= OBJECT_ACL_BYTES_MAX && ret_info->seal.size <= OBJECT_SEAL_BYTES_MAX;
}

bool upload_record_decode(struct span bytes, struct upload_record *ret_record)
{
    struct span blocks;
    uint64_t is_in_trailer;
    *ret_record = (struct upload_record){0};
    if (!blocks_open(upload_magic, bytes, RECORD_BYTES_MAX, &blocks) || !read_info(blocks, &ret_record->info) ||
        !blocks_find(blocks, 'u', &ret_record->backend_upload) || !find_nonce(blocks, ret_record->nonce) ||
        !blocks_find_number(blocks, 'w', 1, &is_in_trailer))
        return false;
    ret_record->is_metadata_in_trailer = is_in_trailer == 1;
    return ret_record->backend_upload.size >= 1 && ret_record->backend_upload.size <= BACKEND_UPLOAD_BYTES_MAX;
}

/* ---- the end ---- */

void upload_end_encode(const struct upload_end *end, struct buffer *ret_bytes)
{
    struct buffer checksum = {0};
    bool is_sealed = end->seal.size > 0;
    blocks_begin(end_magic, ret_bytes);
    blocks_put(ret_bytes, 'k', end->key);
    blocks_put(ret_bytes, 'n', span_of(end->nonce, STAMP_NONCE_BYTES));
    blocks_put(ret_bytes, 't', span_of(end->token, UPLOAD_TOKEN_BYTES));
    blocks_put(ret_bytes, 'e', is_sealed ? SPAN_EMPTY : span_from_string(end->etag));
    if (end->checksum.algorithm != CHECKSUM_NONE && !is_sealed)
        s4_checksum_encode(&end->checksum, &checksum);
    blocks_put(ret_bytes, 'c', buffer_span(&checksum));
    if (end->version[0] != '\0')
        blocks_put(ret_bytes, 'v', span_from_string(end->version));
    if (is_sealed)
        blocks_put(ret_bytes, 's', end->seal);
    blocks_seal(ret_bytes);
    buffer_free(&checksum);
}

bool upload_end_decode(struct span bytes, struct upload_end *ret_end)
{
    struct span blocks;
    struct span etag;
    struct span token;
    struct span checksum;
    struct span version = SPAN_EMPTY;
    *ret_end = (struct upload_end){0};
    if (!blocks_open(end_magic, bytes, RECORD_BYTES_MAX, &blocks) || !blocks_find(blocks, 'k', &ret_end->key) ||
        !find_nonce(blocks, ret_end->nonce) || !blocks_find(blocks, 't', &token) || token.size != UPLOAD_TOKEN_BYTES ||
        !blocks_find(blocks, 'e', &etag) || etag.size >= sizeof ret_end->etag || !blocks_find(blocks, 'c', &checksum))
        return false;
    if (blocks_find(blocks, 'v', &version) && version.size >= sizeof ret_end->version)
        return false;
    if (blocks_find(blocks, 's', &ret_end->seal) && ret_end->seal.size > OBJECT_SEAL_BYTES_MAX)
        return false;
    if (version.size > 0)
        memcpy(ret_end->version, version.data, version.size);
    memcpy(ret_end->token, token.data, UPLOAD_TOKEN_BYTES);
    memcpy(ret_end->etag, etag.data, etag.size);
    return checksum.size == 0 || s4_checksum_decode(checksum, &ret_end->checksum);
}
