/* store/remote/acl/acl_record.c -- names and bytes of lists that lie apart from their objects. */
#include "store/remote/acl/acl_record.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "store/remote/format/blocks.h"

#include <inttypes.h>
#include <stdio.h>

enum { NONCE_BYTES_NAMED = 8, DIGEST_BYTES_NAMED = 16 };

static const char magic[BLOCKS_MAGIC_BYTES + 1] = "BALEACL1";

/* ---- names ---- */

void acl_revision_name_of_nonce(const uint8_t nonce[STAMP_NONCE_BYTES], char ret_text[ACL_REVISION_BYTES])
{
    ret_text[0] = 'n';
    hex_encode(span_of(nonce, NONCE_BYTES_NAMED), ret_text + 1);
    ret_text[1 + 2 * NONCE_BYTES_NAMED] = '\0';
}

void acl_revision_name(const struct object_attributes *attributes, char ret_text[ACL_REVISION_BYTES])
{
    uint8_t bytes[SHA256_BYTES];
    char text[STORED_ETAG_TEXT_BYTES + 32];
    if (attributes->revision != 0) {
        store_u64_le(bytes, attributes->revision);
        acl_revision_name_of_nonce(bytes, ret_text);
        return;
    }
    int size = snprintf(text, sizeof text, "%s/%" PRId64, attributes->stored_etag, attributes->modified_ms / 1000);
    sha256_of(span_of(text, (size_t)size), bytes);
    ret_text[0] = 'e';
    hex_encode(span_of(bytes, DIGEST_BYTES_NAMED), ret_text + 1);
    ret_text[1 + 2 * DIGEST_BYTES_NAMED] = '\0';
}

struct span acl_name(const uint8_t row_key[ROW_KEY_BYTES], const char *revision, char ret_text[ACL_NAME_BYTES])
{
    char digest[2 * ROW_KEY_BYTES + 1];
    hex_encode(span_of(row_key, ROW_KEY_BYTES), digest);
    int size = snprintf(ret_text, ACL_NAME_BYTES, ".bale/acl/%.*s/%s", 2 * ROW_KEY_BYTES, digest, revision);
    ASSERT(size > 0 && size < ACL_NAME_BYTES);
    return span_of(ret_text, (size_t)size);
}

/* ---- bytes ---- */

void acl_record_encode(const struct acl_record *record, struct buffer *ret_bytes)
{
    blocks_begin(magic, ret_bytes);
    blocks_put(ret_bytes, 'k', record->key);
    blocks_put(ret_bytes, 't', span_of(record->token, ACL_TOKEN_BYTES));
    blocks_put(ret_bytes, 'l', record->acl);
    blocks_put_number(ret_bytes, 'f', record->is_first);
    blocks_seal(ret_bytes);
}

bool acl_record_decode(struct span bytes, struct acl_record *ret_record)
{
    struct span blocks;
    struct span token;
    uint64_t is_first;
    *ret_record = (struct acl_record){.is_first = false};
    if (!blocks_open(magic, bytes, ACL_RECORD_BYTES_MAX, &blocks) || !blocks_find(blocks, 'k', &ret_record->key) ||
        !blocks_find(blocks, 't', &token) || token.size != ACL_TOKEN_BYTES ||
        !blocks_find(blocks, 'l', &ret_record->acl) || !blocks_find_number(blocks, 'f', 1, &is_first))
        return false;
    memcpy(ret_record->token, token.data, ACL_TOKEN_BYTES);
    ret_record->is_first = is_first == 1;
    return ret_record->key.size >= 1 && ret_record->key.size <= OBJECT_KEY_BYTES_MAX &&
           ret_record->acl.size <= OBJECT_ACL_BYTES_MAX;
}
