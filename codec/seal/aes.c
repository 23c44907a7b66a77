/* codec/seal/aes.c -- libcrypto's AES behind aes.h. */
#include "codec/seal/aes.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum {
    PIECE_BYTES_MAX = 1 << 30, /* libcrypto's lengths are int */
    CMAC_POLYNOMIAL = 0x87,    /* NIST SP 800-38B, 5.3 */
};

struct aes {
    EVP_CIPHER_CTX *block;
    EVP_CIPHER_CTX *gcm;
    bool has_block_key;
    bool is_block_encrypting; /* which direction the block's schedule is for */
    uint8_t block_key[AES_KEY_BYTES];
};

struct aes *aes_create(void)
{
    struct aes *aes = calloc(1, sizeof *aes);
    if (aes == NULL)
        return NULL;
    aes->block = EVP_CIPHER_CTX_new();
    aes->gcm = EVP_CIPHER_CTX_new();
    if (aes->block == NULL || aes->gcm == NULL ||
        EVP_CipherInit_ex(aes->block, EVP_aes_256_ecb(), NULL, NULL, NULL, 1) != 1 ||
        EVP_CipherInit_ex(aes->gcm, EVP_aes_256_gcm(), NULL, NULL, NULL, 1) != 1) {
        aes_destroy(aes);
        return NULL;
    }
    aes->is_block_encrypting = true;
    return aes;
}

void aes_destroy(struct aes *aes)
{
    if (aes == NULL)
        return;
    EVP_CIPHER_CTX_free(aes->block); /* wipes them */
    EVP_CIPHER_CTX_free(aes->gcm);
    explicit_bzero(aes, sizeof *aes);
    free(aes);
}

/* ---- blocks ---- */

/* Without padding each keying looks for the context's parameters by their names, which costs more than the keying. Only
 * decrypting needs it, where a block would be held back as perhaps the last. */
static void begin_blocks(struct aes *aes, bool is_encrypting)
{
    int done = 1;
    if (is_encrypting != aes->is_block_encrypting)
        done = EVP_CIPHER_CTX_set_padding(aes->block, is_encrypting);
    ASSERT(done == 1);
    done = EVP_CipherInit_ex(aes->block, NULL, NULL, aes->block_key, NULL, is_encrypting);
    ASSERT(done == 1);
    aes->is_block_encrypting = is_encrypting;
    aes->has_block_key = true;
}

/* In the same time wherever they differ. CRYPTO_memcmp goes byte by byte, which costs more than using the key. */
static bool is_same_key(const uint8_t a[AES_KEY_BYTES], const uint8_t b[AES_KEY_BYTES])
{
    uint64_t different = 0;
    for (size_t i = 0; i < AES_KEY_BYTES; i += sizeof different)
        different |= load_u64_le(a + i) ^ load_u64_le(b + i);
    return different == 0;
}

void aes_block_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES])
{
    if (aes->has_block_key && aes->is_block_encrypting && is_same_key(aes->block_key, key))
        return;
    memcpy(aes->block_key, key, AES_KEY_BYTES);
    begin_blocks(aes, true);
}

static void run_blocks(struct aes *aes, bool is_encrypting, const uint8_t *blocks, size_t count, uint8_t *ret_blocks)
{
    if (aes->is_block_encrypting != is_encrypting)
        begin_blocks(aes, is_encrypting);
    int size = 0;
    ASSERT(count <= PIECE_BYTES_MAX / AES_BLOCK_BYTES);
    int done = EVP_CipherUpdate(aes->block, ret_blocks, &size, blocks, (int)count * AES_BLOCK_BYTES);
    ASSERT(done == 1 && size == (int)count * AES_BLOCK_BYTES);
}

void aes_block_encrypt(struct aes *aes, const uint8_t block[AES_BLOCK_BYTES], uint8_t ret_block[AES_BLOCK_BYTES])
{
    run_blocks(aes, true, block, 1, ret_block);
}

void aes_blocks_encrypt(struct aes *aes, const uint8_t *blocks, size_t count, uint8_t *ret_blocks)
{
    run_blocks(aes, true, blocks, count, ret_blocks);
}

void aes_block_decrypt(struct aes *aes, const uint8_t block[AES_BLOCK_BYTES], uint8_t ret_block[AES_BLOCK_BYTES])
{
    run_blocks(aes, false, block, 1, ret_block);
}

/* ---- GCM ---- */

void aes_gcm_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES])
{
    int done = EVP_CipherInit_ex(aes->gcm, NULL, NULL, key, NULL, -1);
    ASSERT(done == 1);
}

static void begin_message(struct aes *aes, const uint8_t *nonce, struct span associated, bool is_sealing)
{
    int size = 0;
    int done = EVP_CipherInit_ex(aes->gcm, NULL, NULL, NULL, nonce, is_sealing);
    ASSERT(done == 1 && associated.size <= INT_MAX);
    if (associated.size > 0)
        done = EVP_CipherUpdate(aes->gcm, NULL, &size, associated.data, (int)associated.size);
    ASSERT(done == 1);
}

static void run_message(struct aes *aes, struct span from, uint8_t *ret_to)
{
    while (from.size > 0) {
        struct span piece = span_take(from, PIECE_BYTES_MAX);
        int size = 0;
        int done = EVP_CipherUpdate(aes->gcm, ret_to, &size, piece.data, (int)piece.size);
        ASSERT(done == 1 && (size_t)size == piece.size);
        ret_to += piece.size;
        from = span_skip(from, piece.size);
    }
}

void aes_gcm_seal(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated, struct span message,
                  uint8_t *ret_sealed, uint8_t ret_tag[GCM_TAG_BYTES])
{
    uint8_t nothing[AES_BLOCK_BYTES];
    int size = 0;
    begin_message(aes, nonce, associated, true);
    run_message(aes, message, ret_sealed);
    int done = EVP_CipherFinal_ex(aes->gcm, nothing, &size);
    ASSERT(done == 1 && size == 0);
    done = EVP_CIPHER_CTX_ctrl(aes->gcm, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, ret_tag);
    ASSERT(done == 1);
}

bool aes_gcm_open(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated, struct span sealed,
                  const uint8_t tag[GCM_TAG_BYTES], uint8_t *ret_message)
{
    uint8_t expected[GCM_TAG_BYTES]; /* which libcrypto wants to be writable */
    uint8_t nothing[AES_BLOCK_BYTES];
    int size = 0;
    memcpy(expected, tag, sizeof expected);
    begin_message(aes, nonce, associated, false);
    run_message(aes, sealed, ret_message);
    int done = EVP_CIPHER_CTX_ctrl(aes->gcm, EVP_CTRL_AEAD_SET_TAG, sizeof expected, expected);
    ASSERT(done == 1);
    return EVP_CipherFinal_ex(aes->gcm, nothing, &size) == 1;
}

/* ---- XAES ---- */

/* K1 of CMAC: the cipher of zeros, doubled. */
static void derive_subkey(struct aes *aes, uint8_t ret_subkey[AES_BLOCK_BYTES])
{
    static const uint8_t zeros[AES_BLOCK_BYTES];
    uint8_t block[AES_BLOCK_BYTES];
    aes_block_encrypt(aes, zeros, block);
    for (unsigned i = 0; i < AES_BLOCK_BYTES - 1; i++)
        ret_subkey[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
    uint8_t carried = (uint8_t) - (block[0] >> 7); /* all ones or none: no branch on a secret */
    ret_subkey[AES_BLOCK_BYTES - 1] = (uint8_t)(block[AES_BLOCK_BYTES - 1] << 1 ^ (carried & CMAC_POLYNOMIAL));
    explicit_bzero(block, sizeof block);
}

void xaes_derive(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES],
                 uint8_t ret_key[AES_KEY_BYTES])
{
    uint8_t subkey[AES_BLOCK_BYTES];
    aes_block_set_key(aes, key);
    derive_subkey(aes, subkey);
    for (uint8_t half = 0; half < 2; half++) {
        uint8_t block[AES_BLOCK_BYTES] = {0, (uint8_t)(half + 1), 'X', 0};
        memcpy(block + 4, salt, XAES_SALT_BYTES);
        for (unsigned i = 0; i < AES_BLOCK_BYTES; i++)
            block[i] ^= subkey[i];
        aes_block_encrypt(aes, block, ret_key + half * AES_BLOCK_BYTES);
    }
    explicit_bzero(subkey, sizeof subkey);
}

void xaes_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES])
{
    uint8_t derived[AES_KEY_BYTES];
    xaes_derive(aes, key, salt, derived);
    aes_gcm_set_key(aes, derived);
    explicit_bzero(derived, sizeof derived);
}

void xaes_seal(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
               struct span associated, struct span message, uint8_t *ret_sealed, uint8_t ret_tag[GCM_TAG_BYTES])
{
    xaes_set_key(aes, key, nonce);
    aes_gcm_seal(aes, nonce + XAES_SALT_BYTES, associated, message, ret_sealed, ret_tag);
}

bool xaes_open(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
               struct span associated, struct span sealed, const uint8_t tag[GCM_TAG_BYTES], uint8_t *ret_message)
{
    xaes_set_key(aes, key, nonce);
    bool opened = aes_gcm_open(aes, nonce + XAES_SALT_BYTES, associated, sealed, tag, ret_message);
    if (!opened)
        explicit_bzero(ret_message, sealed.size); /* the key that was sealed, where only the rest was changed */
    return opened;
}
