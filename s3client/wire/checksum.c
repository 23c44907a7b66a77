/* s3client/wire/checksum.c -- S3's checksums by name, as text, and as running sums. */
#include "s3client/wire/checksum.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/byteorder.h"

/* The reason stands in digest.c. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

/* Inline, so that the contexts are as large as this compiler sees them. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <assert.h>
#include <stdio.h>

#define ELEMENT_PREFIX "Checksum"

static const struct {
    const char *element;
    const char *header;
    size_t size;
} algorithms[CHECKSUM_ALGORITHMS] = {
    [CHECKSUM_CRC32] = {ELEMENT_PREFIX "CRC32", "x-amz-checksum-crc32", 4},
    [CHECKSUM_CRC32C] = {ELEMENT_PREFIX "CRC32C", "x-amz-checksum-crc32c", 4},
    [CHECKSUM_CRC64NVME] = {ELEMENT_PREFIX "CRC64NVME", "x-amz-checksum-crc64nvme", 8},
    [CHECKSUM_SHA1] = {ELEMENT_PREFIX "SHA1", "x-amz-checksum-sha1", 20},
    [CHECKSUM_SHA256] = {ELEMENT_PREFIX "SHA256", "x-amz-checksum-sha256", 32},
    [CHECKSUM_SHA512] = {ELEMENT_PREFIX "SHA512", "x-amz-checksum-sha512", 64},
    [CHECKSUM_MD5] = {ELEMENT_PREFIX "MD5", "x-amz-checksum-md5", 16},
    [CHECKSUM_XXHASH64] = {ELEMENT_PREFIX "XXHASH64", "x-amz-checksum-xxhash64", 8},
    [CHECKSUM_XXHASH3] = {ELEMENT_PREFIX "XXHASH3", "x-amz-checksum-xxhash3", 8},
    [CHECKSUM_XXHASH128] = {ELEMENT_PREFIX "XXHASH128", "x-amz-checksum-xxhash128", 16},
};

const char *checksum_element(enum checksum_algorithm algorithm)
{
    ASSERT(algorithm > CHECKSUM_NONE && algorithm < CHECKSUM_ALGORITHMS);
    return algorithms[algorithm].element;
}

const char *checksum_name(enum checksum_algorithm algorithm)
{
    return checksum_element(algorithm) + sizeof ELEMENT_PREFIX - 1;
}

const char *checksum_header(enum checksum_algorithm algorithm)
{
    ASSERT(algorithm > CHECKSUM_NONE && algorithm < CHECKSUM_ALGORITHMS);
    return algorithms[algorithm].header;
}

size_t checksum_size(enum checksum_algorithm algorithm)
{
    ASSERT(algorithm > CHECKSUM_NONE && algorithm < CHECKSUM_ALGORITHMS);
    return algorithms[algorithm].size;
}

enum checksum_algorithm checksum_from_name(struct span name)
{
    for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++)
        if (span_equal_ignore_case(name, span_from_string(checksum_name((enum checksum_algorithm)i))))
            return (enum checksum_algorithm)i;
    return CHECKSUM_NONE;
}

enum checksum_algorithm checksum_from_header(struct span header)
{
    for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++)
        if (span_equal_ignore_case(header, span_from_string(algorithms[i].header)))
            return (enum checksum_algorithm)i;
    return CHECKSUM_NONE;
}

const char *checksum_type_name(enum checksum_type type)
{
    return type == CHECKSUM_COMPOSITE ? "COMPOSITE" : "FULL_OBJECT";
}

void checksum_format(const struct checksum_value *value, char *ret_text)
{
    size_t size = checksum_size(value->algorithm);
    base64_encode(span_of(value->bytes, size), ret_text);
    char *end = ret_text + BASE64_ENCODED_BYTES(size);
    *end = '\0';
    if (value->type == CHECKSUM_COMPOSITE)
        (void)snprintf(end, CHECKSUM_TEXT_BYTES - BASE64_ENCODED_BYTES(size), "-%u", value->parts_count);
}

bool checksum_parse(enum checksum_algorithm algorithm, struct span text, struct checksum_value *ret_value)
{
    struct checksum_value value = {.algorithm = algorithm, .type = CHECKSUM_FULL_OBJECT};
    if (!base64_decode(text, value.bytes, checksum_size(algorithm)))
        return false;
    *ret_value = value;
    return true;
}

/* ---- running sums ---- */

static_assert(sizeof(SHA_CTX) <= sizeof(uint64_t[72]), "SHA-1 context");
static_assert(sizeof(SHA512_CTX) <= sizeof(uint64_t[72]), "SHA-512 context");
static_assert(sizeof(MD5_CTX) <= sizeof(uint64_t[72]), "MD5 context");
static_assert(sizeof(XXH64_state_t) <= sizeof(uint64_t[72]), "XXH64 context");
static_assert(sizeof(XXH3_state_t) <= sizeof(uint64_t[72]), "XXH3 context");
static_assert(_Alignof(XXH3_state_t) <= 64, "XXH3 context");

/* CRCs begin with 0. */
void checksum_begin(struct checksum_sum *sum, enum checksum_algorithm algorithm)
{
    void *context = sum->state.hash;
    ASSERT(algorithm < CHECKSUM_ALGORITHMS && (uintptr_t)sum % _Alignof(struct checksum_sum) == 0);
    sum->algorithm = algorithm;
    sum->state.crc64 = 0;
    switch (algorithm) {
    case CHECKSUM_SHA1:
        SHA1_Init(context);
        break;
    case CHECKSUM_SHA256:
        SHA256_Init(context);
        break;
    case CHECKSUM_SHA512:
        SHA512_Init(context);
        break;
    case CHECKSUM_MD5:
        MD5_Init(context);
        break;
    case CHECKSUM_XXHASH64:
        XXH64_reset(context, 0);
        break;
    case CHECKSUM_XXHASH3:
        XXH3_64bits_reset(context);
        break;
    case CHECKSUM_XXHASH128:
        XXH3_128bits_reset(context);
        break;
    default:
        break;
    }
}

void checksum_update(struct checksum_sum *sum, struct span bytes)
{
    void *context = sum->state.hash;
    if (bytes.size == 0)
        return;
    switch (sum->algorithm) {
    case CHECKSUM_CRC32:
        sum->state.crc32 = crc32_update(sum->state.crc32, bytes);
        break;
    case CHECKSUM_CRC32C:
        sum->state.crc32 = crc32c_update(sum->state.crc32, bytes);
        break;
    case CHECKSUM_CRC64NVME:
        sum->state.crc64 = crc64nvme_update(sum->state.crc64, bytes);
        break;
    case CHECKSUM_SHA1:
        SHA1_Update(context, bytes.data, bytes.size);
        break;
    case CHECKSUM_SHA256:
        SHA256_Update(context, bytes.data, bytes.size);
        break;
    case CHECKSUM_SHA512:
        SHA512_Update(context, bytes.data, bytes.size);
        break;
    case CHECKSUM_MD5:
        MD5_Update(context, bytes.data, bytes.size);
        break;
    case CHECKSUM_XXHASH64:
        XXH64_update(context, bytes.data, bytes.size);
        break;
    case CHECKSUM_XXHASH3:
        XXH3_64bits_update(context, bytes.data, bytes.size);
        break;
    case CHECKSUM_XXHASH128:
        XXH3_128bits_update(context, bytes.data, bytes.size);
        break;
    default:
        break;
    }
}

void checksum_end(struct checksum_sum *sum, struct checksum_value *ret_value)
{
    void *context = sum->state.hash;
    *ret_value = (struct checksum_value){.algorithm = sum->algorithm, .type = CHECKSUM_FULL_OBJECT};
    switch (sum->algorithm) {
    case CHECKSUM_CRC32:
    case CHECKSUM_CRC32C:
        store_u32_be(ret_value->bytes, sum->state.crc32);
        break;
    case CHECKSUM_CRC64NVME:
        store_u64_be(ret_value->bytes, sum->state.crc64);
        break;
    case CHECKSUM_SHA1:
        SHA1_Final(ret_value->bytes, context);
        break;
    case CHECKSUM_SHA256:
        SHA256_Final(ret_value->bytes, context);
        break;
    case CHECKSUM_SHA512:
        SHA512_Final(ret_value->bytes, context);
        break;
    case CHECKSUM_MD5:
        MD5_Final(ret_value->bytes, context);
        break;
    case CHECKSUM_XXHASH64:
        store_u64_be(ret_value->bytes, XXH64_digest(context));
        break;
    case CHECKSUM_XXHASH3:
        store_u64_be(ret_value->bytes, XXH3_64bits_digest(context));
        break;
    case CHECKSUM_XXHASH128: {
        XXH128_hash_t digest = XXH3_128bits_digest(context);
        store_u64_be(ret_value->bytes, digest.high64);
        store_u64_be(ret_value->bytes + 8, digest.low64);
        break;
    }
    default:
        break;
    }
}

/* ---- combining ---- */

bool checksum_can_combine(enum checksum_algorithm algorithm)
{
    return algorithm == CHECKSUM_CRC32 || algorithm == CHECKSUM_CRC32C || algorithm == CHECKSUM_CRC64NVME;
}

void checksum_combine(struct checksum_value *total, const struct checksum_value *next, uint64_t next_size)
{
    ASSERT(total->algorithm == next->algorithm && checksum_can_combine(total->algorithm));
    uint32_t first = load_u32_be(total->bytes);
    uint32_t second = load_u32_be(next->bytes);
    if (total->algorithm == CHECKSUM_CRC32)
        store_u32_be(total->bytes, crc32_combine(first, second, next_size));
    else if (total->algorithm == CHECKSUM_CRC32C)
        store_u32_be(total->bytes, crc32c_combine(first, second, next_size));
    else
        store_u64_be(total->bytes, crc64nvme_combine(load_u64_be(total->bytes), load_u64_be(next->bytes), next_size));
}
