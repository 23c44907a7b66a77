/* codec/seal/customer_wrap.h -- a data key that a customer's key opens, which nobody keeps (docs/encryption-format.md).
 *
 * A wrap is the data key, sealed under the customer's key for one name and one size, and a check, by which another key
 * is told from a wrap that was changed. The check also commits: no ciphertext is two things to two customers.
 *
 * Pure. What is opened comes from a disk: no byte of it is believed. The context has forgotten all keys when a function
 * returns (aes_forget), since this one's must not outlast its request. */
#pragma once

#include "codec/seal/aes.h"
#include "runtime/base/error.h"

enum {
    CUSTOMER_NAME_BYTES = 16, /* of a name's hash: SEAL_NAME_BYTES */
    CUSTOMER_CHECK_BYTES = 16,
    CUSTOMER_WRAP_BYTES = XAES_NONCE_BYTES + AES_KEY_BYTES + GCM_TAG_BYTES + CUSTOMER_CHECK_BYTES,
};
/* The size of an object that is wrapped before it is known: of what is sent in parts. */
#define CUSTOMER_SIZE_UNKNOWN UINT64_MAX

/* `nonce` has just been drawn at random. */
void customer_wrap_make(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t name[CUSTOMER_NAME_BYTES],
                        uint64_t original_size, const uint8_t nonce[XAES_NONCE_BYTES],
                        const uint8_t data_key[AES_KEY_BYTES], uint8_t ret_wrap[CUSTOMER_WRAP_BYTES]);
/* False: it was made with another key, or for another name. Takes as long whichever bytes differ. */
bool customer_wrap_is_of(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t name[CUSTOMER_NAME_BYTES],
                         const uint8_t wrap[CUSTOMER_WRAP_BYTES]);
/* ERROR_DAMAGED: it was changed, or is of another size; or customer_wrap_is_of would have said no. */
bool customer_wrap_open(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t name[CUSTOMER_NAME_BYTES],
                        uint64_t original_size, const uint8_t wrap[CUSTOMER_WRAP_BYTES],
                        uint8_t ret_data_key[AES_KEY_BYTES], struct error *error);
