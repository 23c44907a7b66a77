/* server/keys/kms_grant.c -- grants as bytes. */
#include "server/keys/kms_grant.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/checksum.h"

enum {
    IS_BY_KEYRING = 1 << 0,
    HAS_BUCKET_KEY = 1 << 1,
    HAS_ID = 1 << 2,
    FLAGS_KNOWN = IS_BY_KEYRING | HAS_BUCKET_KEY | HAS_ID,

    AT_FLAGS = 0,
    AT_NAME_SIZE = 1,
    AT_BLOB_SIZE = 2, /* u16 */
    AT_CONTEXT = 4,
    AT_NAME = AT_CONTEXT + KMS_CONTEXT_BYTES,

    ID_HEAD_BYTES = 3, /* behind the name: sizes of the id u8 and of the client's context u16 */
};
_Static_assert((int)AT_NAME + (int)KMS_NAME_BYTES_MAX + (int)KMS_BLOB_BYTES_MAX <= (int)SEAL_KMS_BYTES_MAX,
               "the longest grant without an id fits into a seal");

void kms_context_hash(struct span bucket, struct span context, uint8_t ret_hash[KMS_CONTEXT_BYTES])
{
    static const uint8_t zero;
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, SPAN("arn:aws:s3:::"));
    sha256_update(&sum, bucket);
    sha256_update(&sum, span_of(&zero, 1));
    sha256_update(&sum, context);
    sha256_end(&sum, ret_hash);
}

size_t kms_grant_size(const struct kms_grant *grant)
{
    size_t id_size = grant->id.size > 0 ? ID_HEAD_BYTES + grant->id.size + grant->client_context.size : 0;
    return AT_NAME + grant->name.size + id_size + grant->blob.size;
}

static uint8_t *put(uint8_t *to, struct span bytes)
{
    if (bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static uint8_t *put_id(uint8_t *to, const struct kms_grant *grant)
{
    ASSERT(grant->id.size <= KMS_KEY_ID_BYTES_MAX && grant->client_context.size <= KMS_CONTEXT_TEXT_BYTES_MAX);
    to[0] = (uint8_t)grant->id.size;
    store_u16_le(to + 1, (uint16_t)grant->client_context.size);
    return put(put(to + ID_HEAD_BYTES, grant->id), grant->client_context);
}

size_t kms_grant_encode(const struct kms_grant *grant, uint8_t ret_bytes[SEAL_KMS_BYTES_MAX])
{
    ASSERT(grant->name.size > 0 && grant->name.size <= KMS_NAME_BYTES_MAX);
    ASSERT(grant->blob.size > 0 && grant->blob.size <= KMS_BLOB_BYTES_MAX);
    ASSERT(kms_grant_size(grant) <= SEAL_KMS_BYTES_MAX);
    ret_bytes[AT_FLAGS] = (uint8_t)((grant->is_by_keyring ? IS_BY_KEYRING : 0) |
                                    (grant->has_bucket_key ? HAS_BUCKET_KEY : 0) | (grant->id.size > 0 ? HAS_ID : 0));
    ret_bytes[AT_NAME_SIZE] = (uint8_t)grant->name.size;
    store_u16_le(ret_bytes + AT_BLOB_SIZE, (uint16_t)grant->blob.size);
    memcpy(ret_bytes + AT_CONTEXT, grant->context, KMS_CONTEXT_BYTES);
    uint8_t *at = put(ret_bytes + AT_NAME, grant->name);
    if (grant->id.size > 0)
        at = put_id(at, grant);
    return (size_t)(put(at, grant->blob) - ret_bytes);
}

/* Takes `size` bytes, which is from `least` to `most`, from the front of *rest. */
static bool take(struct span *rest, size_t size, size_t least, size_t most, struct span *ret_bytes)
{
    if (size < least || size > most || size > rest->size)
        return false;
    *ret_bytes = span_take(*rest, size);
    *rest = span_skip(*rest, size);
    return true;
}

bool kms_key_id_is_good(struct span id)
{
    bool is_good = id.size > 0 && id.size <= KMS_KEY_ID_BYTES_MAX;
    for (size_t i = 0; is_good && i < id.size; i++)
        is_good = id.data[i] > ' ' && id.data[i] < 0x7f && id.data[i] != '"' && id.data[i] != '\\';
    return is_good;
}

static bool take_id(struct span *rest, struct kms_grant *grant)
{
    struct span head;
    return take(rest, ID_HEAD_BYTES, 1, ID_HEAD_BYTES, &head) &&
           take(rest, head.data[0], 1, KMS_KEY_ID_BYTES_MAX, &grant->id) && kms_key_id_is_good(grant->id) &&
           take(rest, load_u16_le(head.data + 1), 0, KMS_CONTEXT_TEXT_BYTES_MAX, &grant->client_context);
}

static bool decode(struct span bytes, struct kms_grant *grant)
{
    if (bytes.size < AT_NAME || bytes.size > SEAL_KMS_BYTES_MAX)
        return false;
    uint8_t flags = bytes.data[AT_FLAGS];
    struct span rest = span_skip(bytes, AT_NAME);
    grant->is_by_keyring = (flags & IS_BY_KEYRING) != 0;
    grant->has_bucket_key = (flags & HAS_BUCKET_KEY) != 0;
    memcpy(grant->context, bytes.data + AT_CONTEXT, KMS_CONTEXT_BYTES);
    return take(&rest, bytes.data[AT_NAME_SIZE], 1, KMS_NAME_BYTES_MAX, &grant->name) &&
           ((flags & HAS_ID) == 0 || take_id(&rest, grant)) &&
           take(&rest, load_u16_le(bytes.data + AT_BLOB_SIZE), 1, KMS_BLOB_BYTES_MAX, &grant->blob) && rest.size == 0;
}

bool kms_grant_decode(struct span bytes, struct kms_grant *ret_grant, struct error *error)
{
    *ret_grant = (struct kms_grant){.is_by_keyring = false};
    if (bytes.size > AT_FLAGS && (bytes.data[AT_FLAGS] & ~FLAGS_KNOWN) != 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "The object's key is kept in a way that a newer version of Bale knows.");
    return decode(bytes, ret_grant) ||
           error_set(error, ERROR_DAMAGED, NULL, "What is kept of the key service's key is damaged.");
}
