/* s3client/wire/checksum.h -- the checksums that S3 knows, of original bytes: names, values as text, and running sums.
 *
 * Sources: "Checking object integrity" in the Amazon S3 user guide; CRC-64/NVME as in the NVM Express specification;
 * XXH64, XXH3 (64 and 128 bits) of xxHash with seed 0, in its canonical form, which is big endian. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* The numbers stand in rows of the store: new ones come behind. */
enum checksum_algorithm {
    CHECKSUM_NONE,
    CHECKSUM_CRC32,
    CHECKSUM_CRC32C,
    CHECKSUM_CRC64NVME,
    CHECKSUM_SHA1,
    CHECKSUM_SHA256,
    CHECKSUM_SHA512,
    CHECKSUM_MD5,
    CHECKSUM_XXHASH64,
    CHECKSUM_XXHASH3,
    CHECKSUM_XXHASH128,
    CHECKSUM_ALGORITHMS, /* how many, with NONE */
};

/* What a refusal says is there. */
#define CHECKSUM_VALID_NAMES "CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5, XXHASH64, XXHASH3, XXHASH128"

enum checksum_type { CHECKSUM_FULL_OBJECT, CHECKSUM_COMPOSITE };

enum { CHECKSUM_BYTES_MAX = 64, CHECKSUM_TEXT_BYTES = 96 };

struct checksum_value {
    enum checksum_algorithm algorithm;
    enum checksum_type type;
    uint32_t parts_count;              /* of a COMPOSITE value: the -N behind it */
    uint8_t bytes[CHECKSUM_BYTES_MAX]; /* big endian, as S3 writes it in base64 */
};

/* "CRC32C" and the like, as in XML and x-amz-checksum-algorithm. NONE has none. */
const char *checksum_name(enum checksum_algorithm algorithm);
/* "ChecksumCRC32C" and the like. */
const char *checksum_element(enum checksum_algorithm algorithm);
/* "x-amz-checksum-crc32c" and the like. */
const char *checksum_header(enum checksum_algorithm algorithm);
/* Either case. CHECKSUM_NONE: unknown. */
enum checksum_algorithm checksum_from_name(struct span name);
enum checksum_algorithm checksum_from_header(struct span header);
const char *checksum_type_name(enum checksum_type type);
/* Bytes of a value: 4 (CRC32) to 64 (SHA512). */
size_t checksum_size(enum checksum_algorithm algorithm);

/* Base64 (with "-N" for composite values) and back; ret_text holds CHECKSUM_TEXT_BYTES with a terminating zero. */
void checksum_format(const struct checksum_value *value, char *ret_text);
/* Strict base64 of the right length, FULL_OBJECT. */
bool checksum_parse(enum checksum_algorithm algorithm, struct span text, struct checksum_value *ret_value);

/* A running sum. Lives where the caller puts it (on a stack, or in memory that is aligned as it is: calloc's is not);
 * no allocation. May be copied. */
struct checksum_sum {
    union {
        uint32_t crc32;
        uint64_t crc64;
        _Alignas(64) uint64_t hash[72]; /* the context of libcrypto or xxHash, private to checksum.c */
    } state;
    enum checksum_algorithm algorithm;
};

void checksum_begin(struct checksum_sum *sum, enum checksum_algorithm algorithm);
void checksum_update(struct checksum_sum *sum, struct span bytes);
void checksum_end(struct checksum_sum *sum, struct checksum_value *ret_value);

/* Can the value of a whole be found from the values of its pieces (a CRC)? */
bool checksum_can_combine(enum checksum_algorithm algorithm);
/* *total becomes the value of its bytes with those of `next` behind them. Both are of the same such algorithm. */
void checksum_combine(struct checksum_value *total, const struct checksum_value *next, uint64_t next_size);

/* MD5 for ETags and Content-MD5, SHA-256 for signatures: the same shape. */
enum { MD5_BYTES = 16, SHA256_BYTES = 32 };
struct md5_sum {
    uint64_t state[16];
};
struct sha256_sum {
    uint64_t state[16];
};
void md5_begin(struct md5_sum *sum);
void md5_update(struct md5_sum *sum, struct span bytes);
void md5_end(struct md5_sum *sum, uint8_t ret_digest[MD5_BYTES]);
void sha256_begin(struct sha256_sum *sum);
void sha256_update(struct sha256_sum *sum, struct span bytes);
void sha256_end(struct sha256_sum *sum, uint8_t ret_digest[SHA256_BYTES]);
/* Both over the same bytes. Each is one long chain of dependent instructions; block by block in turn, the CPU runs the
 * two chains side by side, in about three quarters of the time. */
void md5_sha256_update(struct md5_sum *md5, struct sha256_sum *sha256, struct span bytes);
void sha256_of(struct span bytes, uint8_t ret_digest[SHA256_BYTES]);

/* HMAC-SHA-256. A prepared key has hashed its two pads already: half of the work of a short message. */
struct hmac_sha256_key {
    struct sha256_sum inner;
    struct sha256_sum outer;
};
void hmac_sha256_prepare(struct hmac_sha256_key *ret_key, struct span key);
void hmac_sha256_sign(const struct hmac_sha256_key *key, struct span message, uint8_t ret_digest[SHA256_BYTES]);
void hmac_sha256(struct span key, struct span message, uint8_t ret_digest[SHA256_BYTES]);

/* HMAC-SHA-1: of signature version 2, which web forms may still have. */
enum { SHA1_BYTES = 20 };
void hmac_sha1(struct span key, struct span message, uint8_t ret_digest[SHA1_BYTES]);
