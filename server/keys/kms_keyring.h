/* server/keys/kms_keyring.h -- the keyring as a key service: what SSE-KMS is where no other service is named.
 *
 * A key service's key is one of the keyring's then, and its name is that key's id. It gives a new key for each write,
 * wrapped by the keyring's; what is written with that has its seal under the same key of the keyring, so that who
 * counts what is under a key, or destroys one, need not look into grants. */
#pragma once

#include "server/keys/keyring.h"
#include "server/keys/kms_grant.h"

enum { KMS_KEYRING_BLOB_BYTES = SEAL_KEY_ID_BYTES + XAES_NONCE_BYTES + AES_KEY_BYTES + GCM_TAG_BYTES };
_Static_assert((int)KMS_KEYRING_BLOB_BYTES <= (int)KMS_BLOB_BYTES_MAX, "a grant holds it");

/* The key that `name` is the id of; empty: the active one. NULL: KmsNotFoundException; KmsDisabledException, it is
 * retired or destroyed. */
const struct seal_keys *kms_keyring_find(struct keyring *keyring, struct span name, struct error *error);

/* A new key, to be wiped. */
void kms_keyring_make(struct keyring *keyring, const struct seal_keys *keys, const uint8_t context[KMS_CONTEXT_BYTES],
                      uint8_t ret_key[AES_KEY_BYTES], uint8_t ret_blob[KMS_KEYRING_BLOB_BYTES]);
/* The same key again, by what is kept of it (seal_record.kms). *ret_is_given false: another service gives it. Refused,
 * as InternalError: the keyring does not have the key that it is under; ERROR_DAMAGED. */
bool kms_keyring_open(struct keyring *keyring, struct span kms, uint8_t ret_key[AES_KEY_BYTES], bool *ret_is_given,
                      struct error *error);

/* Is the key of the keyring still there that such a grant is under? A body takes its time, and keys are destroyed
 * meanwhile. True of another service's, and of none (empty). False: KmsDisabledException. */
bool kms_keyring_may_seal(const struct keyring *keyring, struct span kms, struct error *error);
/* Which key of the keyring the seal of what is written with such a grant is to be under; of another service's, and of
 * what has none (empty), the active one. */
const struct seal_keys *kms_keyring_sealing_keys(const struct keyring *keyring, struct span kms);
