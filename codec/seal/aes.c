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
    BLOCK_KEYS = 3,            /* the keyring's for wraps, its for masks, and the object's own */
};

/* A key that blocks were encrypted under, for when it comes again. */
struct block_key {
    EVP_CIPHER_CTX *context;
    bool is_set;
    bool is_encrypting; /* which direction the context's schedule is for */
    bool has_subkey;
    uint8_t key[AES_KEY_BYTES];
    uint8_t subkey[AES_BLOCK_BYTES]; /* K1 of CMAC under it */
};

struct aes {
    EVP_CIPHER_CTX *gcm;
    EVP_CIPHER_CTX *counter;
    struct block_key *blocks[BLOCK_KEYS]; /* the one in use first, the one that was used longest ago last */
    struct block_key block_keys[BLOCK_KEYS];
};

static EVP_CIPHER_CTX *create_context(const EVP_CIPHER *cipher)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context != NULL && EVP_CipherInit_ex(context, cipher, NULL, NULL, NULL, 1) == 1)
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

struct aes *aes_create(void)
{
    struct aes *aes = calloc(1, sizeof *aes);
    if (aes == NULL)
        return NULL;
    aes->gcm = create_context(EVP_aes_256_gcm());
    aes->counter = create_context(EVP_aes_256_ctr());
    bool are_there = aes->gcm != NULL && aes->counter != NULL;
    for (unsigned i = 0; i < BLOCK_KEYS; i++) {
        aes->block_keys[i] = (struct block_key){.context = create_context(EVP_aes_256_ecb()), .is_encrypting = true};
        aes->blocks[i] = &aes->block_keys[i];
        are_there = are_there && aes->block_keys[i].context != NULL;
    }
    if (are_there)
        return aes;
    aes_destroy(aes);
    return NULL;
}

void aes_destroy(struct aes *aes)
{
    if (aes == NULL)
        return;
    for (unsigned i = 0; i < BLOCK_KEYS; i++)
        EVP_CIPHER_CTX_free(aes->block_keys[i].context); /* wipes it */
    EVP_CIPHER_CTX_free(aes->gcm);
    EVP_CIPHER_CTX_free(aes->counter);
    explicit_bzero(aes, sizeof *aes);
    free(aes);
}

/* ---- blocks ---- */

/* Without padding each keying looks for the context's parameters by their names, which costs more than the keying. Only
 * decrypting needs it, where a block would be held back as perhaps the last. */
static void begin_blocks(struct block_key *block, bool is_encrypting)
{
    int done = 1;
    if (is_encrypting != block->is_encrypting)
        done = EVP_CIPHER_CTX_set_padding(block->context, is_encrypting);
    ASSERT(done == 1);
    done = EVP_CipherInit_ex(block->context, NULL, NULL, block->key, NULL, is_encrypting);
    ASSERT(done == 1);
    block->is_encrypting = is_encrypting;
}

/* In the same time wherever they differ. CRYPTO_memcmp goes byte by byte, which costs more than using the key. */
static bool is_same_key(const uint8_t a[AES_KEY_BYTES], const uint8_t b[AES_KEY_BYTES])
{
    uint64_t different = 0;
    for (size_t i = 0; i < AES_KEY_BYTES; i += sizeof different)
        different |= load_u64_le(a + i) ^ load_u64_le(b + i);
    return different == 0;
}

static void use_first(struct aes *aes, unsigned place)
{
    struct block_key *used = aes->blocks[place];
    for (; place > 0; place--)
        aes->blocks[place] = aes->blocks[place - 1];
    aes->blocks[0] = used;
}

void aes_block_set_key(struct aes *aes, const uint8_t key[AES_KEY_BYTES])
{
    unsigned place = 0;
    while (place < BLOCK_KEYS && !(aes->blocks[place]->is_set && is_same_key(aes->blocks[place]->key, key)))
        place++;
    bool is_kept = place < BLOCK_KEYS;
    use_first(aes, is_kept ? place : BLOCK_KEYS - 1);
    if (is_kept)
        return;
    struct block_key *block = aes->blocks[0];
    memcpy(block->key, key, AES_KEY_BYTES);
    begin_blocks(block, true);
    block->is_set = true;
    block->has_subkey = false;
}

static void run_blocks(struct aes *aes, bool is_encrypting, const uint8_t *from, size_t count, uint8_t *ret_to)
{
    struct block_key *block = aes->blocks[0];
    if (block->is_encrypting != is_encrypting)
        begin_blocks(block, is_encrypting);
    int size = 0;
    ASSERT(count <= PIECE_BYTES_MAX / AES_BLOCK_BYTES);
    int done = EVP_CipherUpdate(block->context, ret_to, &size, from, (int)count * AES_BLOCK_BYTES);
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

/* A schedule of zeros lies where that of the key lay. */
static void forget_block_key(struct block_key *block)
{
    if (!block->is_set)
        return;
    explicit_bzero(block->key, sizeof block->key);
    explicit_bzero(block->subkey, sizeof block->subkey);
    begin_blocks(block, true);
    block->is_set = false;
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
    run_message(aes->counter, sealed, ret_message);
}

void aes_forget(struct aes *aes)
{
    static const uint8_t zeros[AES_KEY_BYTES];
    for (unsigned i = 0; i < BLOCK_KEYS; i++)
        forget_block_key(&aes->block_keys[i]);
    aes_gcm_set_key(aes, zeros);
    int done = EVP_CipherInit_ex(aes->counter, NULL, NULL, zeros, zeros, 0);
    ASSERT(done == 1);
}

/* ---- XAES ---- */

/* K1 of CMAC under the key that is set: the cipher of zeros, doubled. */
static const uint8_t *find_subkey(struct aes *aes)
{
    static const uint8_t zeros[AES_BLOCK_BYTES];
    struct block_key *block = aes->blocks[0];
    if (block->has_subkey)
        return block->subkey;
    uint8_t cipher[AES_BLOCK_BYTES];
    aes_block_encrypt(aes, zeros, cipher);
    uint64_t high = load_u64_be(cipher);
    uint64_t low = load_u64_be(cipher + 8);
    uint64_t carried = (uint64_t)0 - (high >> 63); /* all ones or none: no branch on a secret */
    store_u64_be(block->subkey, high << 1 | low >> 63);
    store_u64_be(block->subkey + 8, low << 1 ^ (carried & CMAC_POLYNOMIAL));
    block->has_subkey = true;
    explicit_bzero(cipher, sizeof cipher);
    return block->subkey;
}

void xaes_derive(struct aes *aes, const uint8_t key[AES_KEY_BYTES], const uint8_t salt[XAES_SALT_BYTES],
                 uint8_t ret_key[AES_KEY_BYTES])
{
    _Static_assert((int)AES_KEY_BYTES == 2 * (int)AES_BLOCK_BYTES, "a key is two blocks");
    aes_block_set_key(aes, key);
    const uint8_t *subkey = find_subkey(aes);
    for (uint8_t half = 0; half < 2; half++) {
        uint8_t *block = ret_key + (size_t)half * AES_BLOCK_BYTES;
        const uint8_t head[] = {0, (uint8_t)(half + 1), 'X', 0};
        memcpy(block, head, sizeof head);
        memcpy(block + sizeof head, salt, XAES_SALT_BYTES);
        store_u64_le(block, load_u64_le(block) ^ load_u64_le(subkey));
        store_u64_le(block + 8, load_u64_le(block + 8) ^ load_u64_le(subkey + 8));
    }
    aes_blocks_encrypt(aes, ret_key, 2, ret_key);
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
