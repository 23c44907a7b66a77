/* tests/unit/wire/test_checksum.c -- names, texts and running sums. */
#include "runtime/base/hex.h"
#include "runtime/base/random.h"
#include "s3client/wire/md5_lanes.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <stdlib.h>

START_TEST(names_and_headers)
{
    for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++) {
        enum checksum_algorithm algorithm = (enum checksum_algorithm)i;
        ck_assert_int_eq(checksum_from_name(span_from_string(checksum_name(algorithm))), i);
        ck_assert_int_eq(checksum_from_header(span_from_string(checksum_header(algorithm))), i);
        ck_assert_ptr_nonnull(strstr(CHECKSUM_VALID_NAMES, checksum_name(algorithm)));
    }
    ck_assert_int_eq(checksum_from_name(SPAN("crc32c")), CHECKSUM_CRC32C);
    ck_assert_int_eq(checksum_from_header(SPAN("X-Amz-Checksum-SHA256")), CHECKSUM_SHA256);
    ck_assert_int_eq(checksum_from_name(SPAN("MD4")), CHECKSUM_NONE);
    ck_assert_str_eq(checksum_element(CHECKSUM_XXHASH128), "ChecksumXXHASH128");
    ck_assert_int_eq(checksum_from_name(SPAN_EMPTY), CHECKSUM_NONE);
    ck_assert_int_eq(checksum_from_header(SPAN("x-amz-checksum-type")), CHECKSUM_NONE);
}
END_TEST

/* "123456789" in base64, the known check values */
static const struct {
    enum checksum_algorithm algorithm;
    const char *text;
} known[] = {
    {CHECKSUM_CRC32, "y/Q5Jg=="},
    {CHECKSUM_CRC32C, "4waSgw=="},
    {CHECKSUM_CRC64NVME, "rosUhgp5mIg="},
    {CHECKSUM_SHA1, "98O8HYCOBHMq32eZZczDTKeuNEE="},
    {CHECKSUM_SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
    {CHECKSUM_SHA512, "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ=="},
    {CHECKSUM_MD5, "JfnnlDI7RTiF9RgfG2JNCw=="},
    {CHECKSUM_XXHASH64, "jLhB20DmroM="},
    {CHECKSUM_XXHASH3, "ctyxi2ehff8="},
    {CHECKSUM_XXHASH128, "MxGUd+3l3NXpcWQnaB1YYA=="},
};

START_TEST(sums_in_pieces)
{
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        for (size_t cut = 0; cut <= 9; cut++) {
            struct checksum_sum sum;
            struct checksum_value value;
            char text[CHECKSUM_TEXT_BYTES];
            checksum_begin(&sum, known[i].algorithm);
            checksum_update(&sum, span_take(SPAN("123456789"), cut));
            checksum_update(&sum, span_skip(SPAN("123456789"), cut));
            checksum_end(&sum, &value);
            checksum_format(&value, text);
            ck_assert_str_eq(text, known[i].text);
            struct checksum_value parsed;
            ck_assert(checksum_parse(known[i].algorithm, span_from_string(text), &parsed));
            ck_assert_mem_eq(parsed.bytes, value.bytes, CHECKSUM_BYTES_MAX);
        }
    }
}
END_TEST

/* xxHash takes short and long input by different ways: the sum of pieces is that of the whole at every length. */
START_TEST(long_sums_in_pieces)
{
    static uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 3);
    for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++) {
        for (size_t size = 0; size <= sizeof bytes; size += size < 600 ? 1 : 397) {
            struct checksum_sum whole;
            struct checksum_sum pieces;
            struct checksum_value values[2];
            checksum_begin(&whole, (enum checksum_algorithm)i);
            checksum_update(&whole, span_of(bytes, size));
            checksum_begin(&pieces, (enum checksum_algorithm)i);
            for (size_t at = 0, step = 1; at < size; at += step, step = step * 3 % 101 + 1)
                checksum_update(&pieces, span_take(span_of(bytes + at, size - at), step));
            struct checksum_sum copy = pieces; /* goes on as the first would have */
            checksum_end(&whole, &values[0]);
            checksum_end(&copy, &values[1]);
            ck_assert_mem_eq(values[0].bytes, values[1].bytes, CHECKSUM_BYTES_MAX);
        }
    }
}
END_TEST

START_TEST(composite_values_end_in_their_count) /* statement 105 */
{
    struct checksum_value value = {.algorithm = CHECKSUM_CRC32, .type = CHECKSUM_COMPOSITE, .parts_count = 10000};
    char text[CHECKSUM_TEXT_BYTES];
    checksum_format(&value, text);
    ck_assert_str_eq(text, "AAAAAA==-10000");
    value.algorithm = CHECKSUM_SHA256;
    value.parts_count = UINT32_MAX;
    checksum_format(&value, text);
    ck_assert_str_eq(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=-4294967295");
    value = (struct checksum_value){.algorithm = CHECKSUM_SHA512, .type = CHECKSUM_COMPOSITE};
    value.parts_count = 10000;
    checksum_format(&value, text);
    ck_assert_uint_eq(strlen(text), 88 + strlen("-10000"));
}
END_TEST

START_TEST(refuses_other_texts) /* statement 98 */
{
    struct checksum_value value;
    ck_assert(!checksum_parse(CHECKSUM_CRC32, SPAN("y/Q5Jg="), &value));
    ck_assert(!checksum_parse(CHECKSUM_CRC32, SPAN("rosUhgp5mIg="), &value));
    ck_assert(!checksum_parse(CHECKSUM_CRC32, SPAN("y/Q5J!=="), &value));
    ck_assert(!checksum_parse(CHECKSUM_CRC32, SPAN_EMPTY, &value));
    ck_assert(!checksum_parse(CHECKSUM_CRC32, SPAN("AAAAAA==-2"), &value));
}
END_TEST

static void expect_hmac(struct span key, struct span message, const char *expected)
{
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1] = {0};
    hmac_sha256(key, message, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    ck_assert_str_eq(text, expected);
}

START_TEST(hmac_of_rfc_2202)
{
    uint8_t digest[SHA1_BYTES];
    uint8_t key[80];
    char text[2 * SHA1_BYTES + 1] = {0};
    hmac_sha1(SPAN("Jefe"), SPAN("what do ya want for nothing?"), digest);
    hex_encode(span_of(digest, sizeof digest), text);
    ck_assert_str_eq(text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    memset(key, 0xaa, sizeof key);
    hmac_sha1(span_of(key, sizeof key), SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), digest);
    hex_encode(span_of(digest, sizeof digest), text);
    ck_assert_str_eq(text, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}
END_TEST

START_TEST(hmac_of_rfc_4231)
{
    uint8_t key[131];
    memset(key, 0x0b, 20);
    expect_hmac(span_of(key, 20), SPAN("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect_hmac(SPAN("Jefe"), SPAN("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    expect_hmac(span_of(key, 131), SPAN("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
END_TEST

START_TEST(md5_of_rfc_1321)
{
    struct md5_sum sum;
    uint8_t digest[MD5_BYTES];
    char text[2 * MD5_BYTES + 1] = {0};
    md5_begin(&sum);
    md5_update(&sum, SPAN("message "));
    md5_update(&sum, SPAN("digest"));
    md5_end(&sum, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    ck_assert_str_eq(text, "f96b697d7cb7938d525a2f31aaf161d0");
}
END_TEST

enum { LANES = 11, LANE_BYTES = 40000 };

/* Pieces of any length, of many texts in turn, sometimes of one alone: the digests are libcrypto's. */
START_TEST(md5_of_many_at_once)
{
    static uint8_t texts[LANES][LANE_BYTES];
    struct random_seeded state;
    struct random_source source = random_seeded(&state, 17);
    random_fill(&source, texts, sizeof texts);
    for (unsigned round = 0; round < 60; round++) {
        struct md5_sum sums[LANES];
        struct sha256_sum besides[LANES]; /* of every second one */
        size_t fed[LANES] = {0};
        for (unsigned i = 0; i < LANES; i++) {
            md5_begin(&sums[i]);
            sha256_begin(&besides[i]);
        }
        for (unsigned turn = 0; turn < 6; turn++) {
            struct md5_lane lanes[LANES];
            unsigned count = 0;
            for (unsigned i = 0; i < LANES; i++) {
                if (random_below(&source, 4) == 0)
                    continue;
                static const uint64_t bounds[] = {3, 70, 300, LANE_BYTES};
                size_t size = random_below(&source, bounds[random_below(&source, 4)]);
                struct span rest = span_skip(span_of(texts[i], LANE_BYTES), fed[i]);
                lanes[count++] = (struct md5_lane){&sums[i], span_take(rest, size), i % 2 == 0 ? &besides[i] : NULL};
                fed[i] += span_take(rest, size).size;
            }
            md5_update_lanes(lanes, count);
        }
        for (unsigned i = 0; i < LANES; i++) {
            struct md5_sum alone;
            uint8_t digest[MD5_BYTES];
            uint8_t wanted[MD5_BYTES];
            md5_begin(&alone);
            md5_update(&alone, span_of(texts[i], fed[i]));
            md5_end(&alone, wanted);
            md5_end(&sums[i], digest);
            ck_assert_mem_eq(digest, wanted, MD5_BYTES);
            uint8_t sha256[SHA256_BYTES];
            uint8_t sha256_wanted[SHA256_BYTES];
            sha256_of(span_of(texts[i], i % 2 == 0 ? fed[i] : 0), sha256_wanted);
            sha256_end(&besides[i], sha256);
            ck_assert_mem_eq(sha256, sha256_wanted, SHA256_BYTES);
        }
    }
}
END_TEST

/* The count of bits is two words of 32: bodies of half a GiB and more. */
START_TEST(md5_of_many_counts_with_a_carry)
{
    static uint8_t text[4096];
    struct md5_sum sums[3];
    uint8_t digests[3][MD5_BYTES];
    for (unsigned i = 0; i < 3; i++) {
        MD5_CTX context;
        MD5_Init(&context);
        context.Nl = UINT32_MAX - 511; /* a block less than 512 MiB */
        memcpy(sums[i].state, &context, sizeof context);
    }
    struct md5_lane lanes[] = {{&sums[0], span_of(text, sizeof text), NULL},
                               {&sums[1], span_of(text, sizeof text), NULL}};
    md5_update_lanes(lanes, 2);
    md5_update(&sums[2], span_of(text, sizeof text));
    for (unsigned i = 0; i < 3; i++)
        md5_end(&sums[i], digests[i]);
    ck_assert_mem_eq(digests[0], digests[2], MD5_BYTES);
    ck_assert_mem_eq(digests[1], digests[2], MD5_BYTES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checksum");
    TCase *tests = tcase_create("checksum");
    tcase_add_test(tests, names_and_headers);
    tcase_add_test(tests, sums_in_pieces);
    tcase_add_test(tests, long_sums_in_pieces);
    tcase_add_test(tests, composite_values_end_in_their_count);
    tcase_add_test(tests, refuses_other_texts);
    tcase_add_test(tests, hmac_of_rfc_2202);
    tcase_add_test(tests, hmac_of_rfc_4231);
    tcase_add_test(tests, md5_of_rfc_1321);
    tcase_add_test(tests, md5_of_many_at_once);
    tcase_add_test(tests, md5_of_many_counts_with_a_carry);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
