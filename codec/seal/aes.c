/* codec/seal/aes.c -- AES behind aes.h: by the processor's own instructions, or libcrypto's. */
#include "codec/seal/aes.h"

#include "codec/seal/aes_native.h"
#include "codec/seal/gcm_native.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdalign.h>
#include <stdlib.h>

enum {
    PIECE_BYTES_MAX = 1 << 30, /* libcrypto's lengths are int */
    CMAC_POLYNOMIAL = 0x87,    /* NIST SP 800-38B, 5.3 */
};

struct aes {
    /* By the processor's own instructions, where it has them. */
    bool is_native;
    struct aes_schedule block_schedule;
    struct gcm_native message;
    /* By libcrypto: what they cannot do, or not as fast. */
    EVP_CIPHER_CTX *block; /* NULL: it is never needed */
    EVP_CIPHER_CTX *gcm;
    EVP_CIPHER_CTX *counter;
    /* The key of messages, and what was made ready for it. */
    uint8_t gcm_key[AES_KEY_BYTES];
    bool is_message_keyed;
    bool is_gcm_keyed;
    bool is_gcm_used; /* gcm or counter, since keys were forgotten */
};

static EVP_CIPHER_CTX *create_context(const EVP_CIPHER *cipher)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context != NULL && EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, 1) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

static struct aes *create(bool is_native)
{
    struct aes *aes = aligned_alloc(alignof(struct aes), sizeof *aes);
    if (aes == NULL)
        return NULL;
    *aes = (struct aes){
        .is_native = is_native,
        .block = is_native ? NULL : create_context(EVP_aes_256_ecb()),
        .gcm = create_context(EVP_aes_256_gcm()),
        .counter = create_context(EVP_aes_256_ctr()),
    };
    if (aes->gcm != NULL && aes->counter != NULL && (is_native || aes->block != NULL))
        return aes;
    aes_destroy(aes);
    return NULL;
}

struct aes *aes_create(void)
{
    return create(aes_native_exists());
}

struct aes *aes_create_portable(void)
{
    return create(false);
}

void aes_destroy(struct aes *aes)
{
    if (aes == NULL)
        return;
    EVP_CIPHER_CTX_free(aes->block); /* wipes it */
    EVP_CIPHER_CTX_free(aes->gcm);
    EVP_CIPHER_CTX_free(aes->counter);
    explicit_bzero(aes, sizeof *aes);
    free(aes);
}

/* ---- blocks ---- */

void aes_block_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES])
{
    if (aes->is_native) {
        aes_schedule_make(&aes->block_schedule, key);
        return;
    }
    int done = EVP_CipherInit_ex(aes->block, NULL, NULL, key, NULL, 1);
    ASSERT(done == 1);
}

void aes_block_encrypt(struct aes *aes, const uint8_t block[AES_BLOCK_BYTES], uint8_t ret_block[AES_BLOCK_BYTES])
{
    aes_blocks_encrypt(aes, block, 1, ret_block);
}

void aes_blocks_encrypt(struct aes *aes, const uint8_t *blocks, size_t count, uint8_t *ret_blocks)
{
    if (aes->is_native) {
        aes_schedule_encrypt(&aes->block_schedule, blocks, count, ret_blocks);
        return;
    }
    int size = 0;
    ASSERT(count <= PIECE_BYTES_MAX / AES_BLOCK_BYTES);
    int done = EVP_CipherUpdate(aes->block, ret_blocks, &size, blocks, (int)count * AES_BLOCK_BYTES);
    ASSERT(done == 1 && size == (int)count * AES_BLOCK_BYTES);
}

/* ---- GCM ---- */

void aes_gcm_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES])
{
    memcpy(aes->gcm_key, key, AES_KEY_BYTES);
    aes->is_message_keyed = aes->is_gcm_keyed = false;
}

/* Can it be done natively? If so, the key is made ready. */
static bool begin_native(struct aes *aes, struct span associated, struct span message)
{
    if (!aes->is_native || !gcm_native_suits(associated.size, message.size))
        return false;
    if (!aes->is_message_keyed)
        gcm_native_set_key(&aes->message, aes->gcm_key);
    aes->is_message_keyed = true;
    return true;
}

static void key_gcm(struct aes *aes)
{
    if (aes->is_gcm_keyed)
        return;
    int done = EVP_CipherInit_ex(aes->gcm, NULL, NULL, aes->gcm_key, NULL, -1);
    ASSERT(done == 1);
    aes->is_gcm_keyed = aes->is_gcm_used = true;
}

static void begin_message(struct aes *aes, const uint8_t *nonce, struct span associated, bool is_sealing)
{
    int size = 0;
    key_gcm(aes);
    int done = EVP_CipherInit_ex(aes->gcm, NULL, NULL, NULL, nonce, is_sealing);
    ASSERT(done == 1 && associated.size <= INT_MAX);
    if (associated.size > 0)
        done = EVP_CipherUpdate(aes->gcm, NULL, &size, associated.data, (int)associated.size);
    ASSERT(done == 1);
}

static void run_message(EVP_CIPHER_CTX *context, struct span from, uint8_t *ret_to)
{
    while (from.size > 0) {
        struct span piece = span_take(from, PIECE_BYTES_MAX);
        int size = 0;
        int done = EVP_CipherUpdate(context, ret_to, &size, piece.data, (int)piece.size);
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
    if (begin_native(aes, associated, message)) {
        gcm_native_seal(&aes->message, nonce, associated, message, ret_sealed, ret_tag);
        return;
    }
    begin_message(aes, nonce, associated, true);
    run_message(aes->gcm, message, ret_sealed);
    int done = EVP_CipherFinal_ex(aes->gcm, nothing, &size);
    ASSERT(done == 1 && size == 0);
    done = EVP_CIPHER_CTX_ctrl(aes->gcm, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, ret_tag);
    ASSERT(done == 1);
}

bool aes_gcm_open(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated, struct span sealed,
                  const uint8_t tag[GCM_TAG_BYTES], uint8_t *ret_message)
{
    if (begin_native(aes, associated, sealed))
        return gcm_native_open(&aes->message, nonce, associated, sealed, tag, ret_message);
    aes_gcm_open_begin(aes, nonce, associated);
    aes_gcm_open_piece(aes, sealed, ret_message);
    return aes_gcm_open_end(aes, tag);
}

void aes_gcm_open_begin(struct aes *aes, const uint8_t nonce[GCM_NONCE_BYTES], struct span associated)
{
    begin_message(aes, nonce, associated, false);
}

void aes_gcm_open_piece(struct aes *aes, struct span sealed, uint8_t *ret_message)
{
    run_message(aes->gcm, sealed, ret_message);
}

bool aes_gcm_open_end(struct aes *aes, const uint8_t tag[GCM_TAG_BYTES])
{
    uint8_t expected[GCM_TAG_BYTES]; /* which libcrypto wants to be writable */
    uint8_t nothing[AES_BLOCK_BYTES];
    int size = 0;
    memcpy(expected, tag, sizeof expected);
    int done = EVP_CIPHER_CTX_ctrl(aes->gcm, EVP_CTRL_AEAD_SET_TAG, sizeof expected, expected);
    ASSERT(done == 1);
    return EVP_CipherFinal_ex(aes->gcm, nothing, &size) == 1;
}

/* GCM counts blocks in the last 32 bits of its counter, from 2 on: 1 is the tag's. */
void aes_gcm_decrypt_at(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES],
                        uint64_t offset, struct span sealed, uint8_t *ret_message)
{
    uint8_t counter[AES_BLOCK_BYTES];
    ASSERT(offset % AES_BLOCK_BYTES == 0 && (offset + sealed.size) / AES_BLOCK_BYTES < UINT32_MAX - 2);
    memcpy(counter, nonce, GCM_NONCE_BYTES);
    store_u32_be(counter + GCM_NONCE_BYTES, (uint32_t)(offset / AES_BLOCK_BYTES) + 2);
    int done = EVP_CipherInit_ex(aes->counter, NULL, NULL, key, counter, 0);
    ASSERT(done == 1);
    aes->is_gcm_used = true;
    run_message(aes->counter, sealed, ret_message);
}

/* A context is keyed with zeros, so that their schedule lies where that of the key lay. */
static void forget_context(EVP_CIPHER_CTX *context, const uint8_t *iv)
{
    static const uint8_t zeros[AES_KEY_BYTES];
    int done = context == NULL ? 1 : EVP_CipherInit_ex(context, NULL, NULL, zeros, iv, -1);
    ASSERT(done == 1);
}

void aes_forget(struct aes *aes)
{
    static const uint8_t zeros[AES_BLOCK_BYTES];
    explicit_bzero(&aes->block_schedule, sizeof aes->block_schedule);
    explicit_bzero(&aes->message, sizeof aes->message);
    explicit_bzero(aes->gcm_key, sizeof aes->gcm_key);
    forget_context(aes->block, NULL);
    if (aes->is_gcm_used) {
        forget_context(aes->gcm, NULL);
        forget_context(aes->counter, zeros);
    }
    aes->is_message_keyed = aes->is_gcm_keyed = aes->is_gcm_used = false;
}

/* ---- XAES ---- */

/* K1 of CMAC under the key of blocks: the cipher of zeros, doubled. */
static void find_subkey(struct aes *aes, uint8_t ret_subkey[AES_BLOCK_BYTES])
{
    memset(ret_subkey, 0, AES_BLOCK_BYTES);
    aes_block_encrypt(aes, ret_subkey, ret_subkey);
    uint64_t high = load_u64_be(ret_subkey);
    uint64_t low = load_u64_be(ret_subkey + 8);
    uint64_t carried = (uint64_t)0 - (high >> 63); /* all ones or none: no branch on a secret */
    store_u64_be(ret_subkey, high << 1 | low >> 63);
    store_u64_be(ret_subkey + 8, low << 1 ^ (carried & CMAC_POLYNOMIAL));
}

void xaes_derive(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES],
                 uint8_t ret_key[AES_KEY_BYTES])
{
    _Static_assert((int)AES_KEY_BYTES == 2 * (int)AES_BLOCK_BYTES, "a key is two blocks");
    uint8_t subkey[AES_BLOCK_BYTES];
    aes_block_set_key(aes, key);
    find_subkey(aes, subkey);
    for (uint8_t half = 0; half < 2; half++) {
        uint8_t *block = ret_key + (size_t)half * AES_BLOCK_BYTES;
        const uint8_t head[] = {0, (uint8_t)(half + 1), 'X', 0};
        memcpy(block, head, sizeof head);
        memcpy(block + sizeof head, salt, XAES_SALT_BYTES);
        store_u64_le(block, load_u64_le(block) ^ load_u64_le(subkey));
        store_u64_le(block + 8, load_u64_le(block + 8) ^ load_u64_le(subkey + 8));
    }
    aes_blocks_encrypt(aes, ret_key, 2, ret_key);
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
