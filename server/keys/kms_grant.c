/* server/keys/kms_grant.c -- grants as bytes. */
#include "server/keys/kms_grant.h"

#include "runtime/base/assert.h"
#include "s3client/wire/checksum.h"

enum {
    IS_BY_KEYRING = 1 << 0,
    HAS_BUCKET_KEY = 1 << 1,
    FLAGS_KNOWN = IS_BY_KEYRING | HAS_BUCKET_KEY,

    AT_FLAGS = 0,
    AT_NAME_SIZE = 1,
    AT_BLOB_SIZE = 2,
    AT_ZERO = 3,
    AT_CONTEXT = 4,
    AT_NAME = AT_CONTEXT + KMS_CONTEXT_BYTES,
};
_Static_assert((int)AT_NAME + (int)KMS_NAME_BYTES_MAX + (int)KMS_BLOB_BYTES_MAX == (int)SEAL_KMS_BYTES_MAX,
               "the longest grant fits into a seal");

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

size_t kms_grant_encode(const struct kms_grant *grant, uint8_t ret_bytes[SEAL_KMS_BYTES_MAX])
{
    ASSERT(grant->name.size > 0 && grant->name.size <= KMS_NAME_BYTES_MAX);
    ASSERT(grant->blob.size > 0 && grant->blob.size <= KMS_BLOB_BYTES_MAX);
    ret_bytes[AT_FLAGS] =
        (uint8_t)((grant->is_by_keyring ? IS_BY_KEYRING : 0) | (grant->has_bucket_key ? HAS_BUCKET_KEY : 0));
    ret_bytes[AT_NAME_SIZE] = (uint8_t)grant->name.size;
    ret_bytes[AT_BLOB_SIZE] = (uint8_t)grant->blob.size;
    ret_bytes[AT_ZERO] = 0;
    memcpy(ret_bytes + AT_CONTEXT, grant->context, KMS_CONTEXT_BYTES);
    memcpy(ret_bytes + AT_NAME, grant->name.data, grant->name.size);
    memcpy(ret_bytes + AT_NAME + grant->name.size, grant->blob.data, grant->blob.size);
    return AT_NAME + grant->name.size + grant->blob.size;
}

bool kms_grant_decode(struct span bytes, struct kms_grant *ret_grant, struct error *error)
{
    size_t name_size = bytes.size > AT_NAME ? bytes.data[AT_NAME_SIZE] : 0;
    size_t blob_size = bytes.size > AT_NAME ? bytes.data[AT_BLOB_SIZE] : 0;
    if (name_size == 0 || name_size > KMS_NAME_BYTES_MAX || blob_size == 0 || blob_size > KMS_BLOB_BYTES_MAX ||
        bytes.size != AT_NAME + name_size + blob_size || (bytes.data[AT_FLAGS] & ~FLAGS_KNOWN) != 0 ||
        bytes.data[AT_ZERO] != 0)
        return error_set(error, ERROR_DAMAGED, NULL, "What is kept of the key service's key is damaged.");
    *ret_grant = (struct kms_grant){
        .is_by_keyring = (bytes.data[AT_FLAGS] & IS_BY_KEYRING) != 0,
        .has_bucket_key = (bytes.data[AT_FLAGS] & HAS_BUCKET_KEY) != 0,
        .name = span_of(bytes.data + AT_NAME, name_size),
        .blob = span_of(bytes.data + AT_NAME + name_size, blob_size),
    };
    memcpy(ret_grant->context, bytes.data + AT_CONTEXT, KMS_CONTEXT_BYTES);
    return true;
}
