/* codec/seal/customer_wrap.c -- wraps under customers' keys, made, recognized and opened. */
#include "codec/seal/customer_wrap.h"

#include "runtime/base/byteorder.h"

#include <string.h>

enum {
    AT_SEALED = XAES_NONCE_BYTES,
    AT_TAG = AT_SEALED + AES_KEY_BYTES,
    AT_CHECK = AT_TAG + GCM_TAG_BYTES,
    ASSOCIATED_BYTES = 1 + CUSTOMER_NAME_BYTES + 8,
};

/* The customer's key itself seals nothing: what does is derived from it, for this use alone. */
static void derive_wrapping(struct aes *aes, const uint8_t *key, uint8_t ret_key[AES_KEY_BYTES])
{
    static const uint8_t label[XAES_SALT_BYTES + 1] = "bale client ";
    xaes_derive(aes, key, label, ret_key);
}

/* A keyed function of nonce and name: both halves of the nonce one after the other, then the name. */
static void make_check(struct aes *aes, const uint8_t *key, const uint8_t *nonce, const uint8_t *name,
                       uint8_t ret_check[CUSTOMER_CHECK_BYTES])
{
    static const uint8_t label[XAES_SALT_BYTES + 1] = "bale check  ";
    uint8_t derived[AES_KEY_BYTES];
    xaes_derive(aes, key, label, derived);
    xaes_derive(aes, derived, nonce, derived);
    xaes_derive(aes, derived, nonce + XAES_SALT_BYTES, derived);
    aes_block_set_key(aes, derived);
    aes_block_encrypt(aes, name, ret_check);
    explicit_bzero(derived, sizeof derived);
}

static struct span encode_associated(const uint8_t *name, uint64_t original_size, uint8_t bytes[ASSOCIATED_BYTES])
{
    bytes[0] = 'C';
    memcpy(bytes + 1, name, CUSTOMER_NAME_BYTES);
    store_u64_le(bytes + 1 + CUSTOMER_NAME_BYTES, original_size);
    return span_of(bytes, ASSOCIATED_BYTES);
}

void customer_wrap_make(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t name[CUSTOMER_NAME_BYTES],
                        uint64_t original_size, const uint8_t nonce[XAES_NONCE_BYTES],
                        const uint8_t data_key[AES_KEY_BYTES], uint8_t ret_wrap[CUSTOMER_WRAP_BYTES])
{
    uint8_t bytes[ASSOCIATED_BYTES];
    uint8_t wrapping[AES_KEY_BYTES];
    memcpy(ret_wrap, nonce, XAES_NONCE_BYTES);
    derive_wrapping(aes, key, wrapping);
    xaes_seal(aes, wrapping, nonce, encode_associated(name, original_size, bytes), span_of(data_key, AES_KEY_BYTES),
              ret_wrap + AT_SEALED, ret_wrap + AT_TAG);
    explicit_bzero(wrapping, sizeof wrapping);
    make_check(aes, key, nonce, name, ret_wrap + AT_CHECK);
    aes_forget(aes);
}

bool customer_wrap_is_of(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t name[CUSTOMER_NAME_BYTES],
                         const uint8_t wrap[CUSTOMER_WRAP_BYTES])
{
    uint8_t check[CUSTOMER_CHECK_BYTES];
    unsigned differs = 0;
    make_check(aes, key, wrap, name, check);
    aes_forget(aes);
    for (size_t i = 0; i < sizeof check; i++)
        differs |= (unsigned)(check[i] ^ wrap[AT_CHECK + i]);
    return differs == 0;
}

bool customer_wrap_open(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t name[CUSTOMER_NAME_BYTES],
                        uint64_t original_size, const uint8_t wrap[CUSTOMER_WRAP_BYTES],
                        uint8_t ret_data_key[AES_KEY_BYTES], struct error *error)
{
    uint8_t bytes[ASSOCIATED_BYTES];
    uint8_t wrapping[AES_KEY_BYTES];
    derive_wrapping(aes, key, wrapping);
    bool opened = xaes_open(aes, wrapping, wrap, encode_associated(name, original_size, bytes),
                            span_of(wrap + AT_SEALED, AES_KEY_BYTES), wrap + AT_TAG, ret_data_key);
    explicit_bzero(wrapping, sizeof wrapping);
    aes_forget(aes);
    return opened || error_set(error, ERROR_DAMAGED, NULL,
                               "The data key does not open with the customer's key: what is kept of it was changed, or "
                               "is another's.");
}
