/* s3client/wire/digest.c -- MD5, SHA-256 and HMAC of checksum.h, by libcrypto. */
#include "s3client/wire/checksum.h"

/* libcrypto's low-level hashes are plain structs: no fetch by name, no allocation, no reference count for each request.
 * OpenSSL 3 calls them deprecated in favour of EVP, which costs several times the hash itself on a short message. They
 * use the same SHA-NI and AVX code. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

#include <assert.h>

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256_sum), "SHA-256 context");
static_assert(sizeof(MD5_CTX) <= sizeof(struct md5_sum), "MD5 context");

void md5_begin(struct md5_sum *sum)
{
    MD5_Init((MD5_CTX *)sum->state);
}

void md5_update(struct md5_sum *sum, struct span bytes)
{
    if (bytes.size > 0)
        MD5_Update((MD5_CTX *)sum->state, bytes.data, bytes.size);
}

void md5_end(struct md5_sum *sum, uint8_t ret_digest[MD5_BYTES])
{
    MD5_Final(ret_digest, (MD5_CTX *)sum->state);
}

void sha256_begin(struct sha256_sum *sum)
{
    SHA256_Init((SHA256_CTX *)sum->state);
}

void sha256_update(struct sha256_sum *sum, struct span bytes)
{
    if (bytes.size > 0)
        SHA256_Update((SHA256_CTX *)sum->state, bytes.data, bytes.size);
}

void sha256_end(struct sha256_sum *sum, uint8_t ret_digest[SHA256_BYTES])
{
    SHA256_Final(ret_digest, (SHA256_CTX *)sum->state);
}

void md5_sha256_update(struct md5_sum *md5, struct sha256_sum *sha256, struct span bytes)
{
    static_assert((int)MD5_CBLOCK == (int)SHA256_CBLOCK, "both hash blocks of 64 bytes");
    while (bytes.size > 0) {
        struct span block = span_take(bytes, MD5_CBLOCK);
        bytes = span_skip(bytes, block.size);
        MD5_Update((MD5_CTX *)md5->state, block.data, block.size);
        SHA256_Update((SHA256_CTX *)sha256->state, block.data, block.size);
    }
}

void sha256_of(struct span bytes, uint8_t ret_digest[SHA256_BYTES])
{
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, bytes);
    sha256_end(&sum, ret_digest);
}

void hmac_sha256_prepare(struct hmac_sha256_key *ret_key, struct span key)
{
    uint8_t block[SHA256_CBLOCK] = {0};
    if (key.size > sizeof block)
        sha256_of(key, block);
    else if (key.size > 0)
        memcpy(block, key.data, key.size);
    for (unsigned i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    sha256_begin(&ret_key->inner);
    sha256_update(&ret_key->inner, span_of(block, sizeof block));
    for (unsigned i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    sha256_begin(&ret_key->outer);
    sha256_update(&ret_key->outer, span_of(block, sizeof block));
}

void hmac_sha256_sign(const struct hmac_sha256_key *key, struct span message, uint8_t ret_digest[SHA256_BYTES])
{
    struct sha256_sum sum = key->inner;
    sha256_update(&sum, message);
    sha256_end(&sum, ret_digest);
    sum = key->outer;
    sha256_update(&sum, span_of(ret_digest, SHA256_BYTES));
    sha256_end(&sum, ret_digest);
}

void hmac_sha256(struct span key, struct span message, uint8_t ret_digest[SHA256_BYTES])
{
    struct hmac_sha256_key prepared;
    hmac_sha256_prepare(&prepared, key);
    hmac_sha256_sign(&prepared, message, ret_digest);
}

void hmac_sha1(struct span key, struct span message, uint8_t ret_digest[SHA1_BYTES])
{
    static_assert((int)SHA1_BYTES == (int)SHA_DIGEST_LENGTH, "SHA-1 digest");
    uint8_t block[SHA_CBLOCK] = {0};
    SHA_CTX sum;
    if (key.size > sizeof block)
        SHA1(key.data, key.size, block);
    else if (key.size > 0)
        memcpy(block, key.data, key.size);
    for (unsigned i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    SHA1_Init(&sum);
    SHA1_Update(&sum, block, sizeof block);
    SHA1_Update(&sum, message.data, message.size);
    SHA1_Final(ret_digest, &sum);
    for (unsigned i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    SHA1_Init(&sum);
    SHA1_Update(&sum, block, sizeof block);
    SHA1_Update(&sum, ret_digest, SHA1_BYTES);
    SHA1_Final(ret_digest, &sum);
    explicit_bzero(block, sizeof block);
}
