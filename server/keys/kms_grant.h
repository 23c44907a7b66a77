/* server/keys/kms_grant.h -- what objects keep of the key that a key service gave for them (SSE-KMS): under which name
 * it was asked for, for what, and the key as the service has wrapped it.
 *
 * As bytes it is seal_record.kms (docs/encryption-format.md), which the seal vouches for. */
#pragma once

#include "codec/seal/seal_record.h"
#include "runtime/base/error.h"

enum {
    KMS_NAME_BYTES_MAX = 48,
    KMS_KEY_ID_BYTES_MAX = 255,
    KMS_BLOB_BYTES_MAX = 512,
    KMS_CONTEXT_BYTES = 32,
    KMS_CONTEXT_TEXT_BYTES_MAX = 512,
};

struct kms_grant {
    bool is_by_keyring;                 /* the keyring is the service (kms_keyring.h) */
    bool has_bucket_key;                /* the client, or the bucket, asked for bucket keys: answers say so */
    uint8_t context[KMS_CONTEXT_BYTES]; /* kms_context_hash */
    struct span name;                   /* of the service's key here; not empty */
    struct span id;                     /* what the service itself calls the key; empty: nothing else than its name */
    struct span client_context;         /* where there is an id: the context that the client sent, decoded, for a
                                           service that has to be shown it again */
    struct span blob;                   /* the wrapped key; not empty */
};

/* The key as answers tell it. */
static inline struct span kms_grant_told(const struct kms_grant *grant)
{
    return grant->id.size > 0 ? grant->id : grant->name;
}

/* May a service call a key that? It goes into headers, and into JSON, as it is: visible ASCII without " and \, of
 * KMS_KEY_ID_BYTES_MAX at most. */
bool kms_key_id_is_good(struct span id);

/* SHA-256 of the bucket's ARN, a zero, and the context that the client sent, decoded; empty: none. */
void kms_context_hash(struct span bucket, struct span context, uint8_t ret_hash[KMS_CONTEXT_BYTES]);

/* How many bytes it takes: more than SEAL_KMS_BYTES_MAX is more than an object keeps. */
size_t kms_grant_size(const struct kms_grant *grant);
/* Returns the same. None of its texts is longer than may be, nor is the whole. */
size_t kms_grant_encode(const struct kms_grant *grant, uint8_t ret_bytes[SEAL_KMS_BYTES_MAX]);
/* All texts point into the bytes. ERROR_DAMAGED; ERROR_UNSUPPORTED: flags that a later version knows. */
bool kms_grant_decode(struct span bytes, struct kms_grant *ret_grant, struct error *error);
