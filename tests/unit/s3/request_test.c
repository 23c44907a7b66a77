/* tests/unit/s3/request_test.c -- what a request addresses, and what its headers say. */
#include "server/s3/request/request.h"

#include "s3client/wire/s3_error.h"
#include "server/s3/body/checksum_headers.h"
#include "server/s3/headers/copy_source.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/request/conditions.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/s3/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what else the headers' files call, and these tests do not ---- */

bool bucket_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                 struct object_attributes *ret_attributes, struct error *error)
{
    (void)store;
    (void)name;
    (void)arena;
    (void)ret_attributes;
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "none");
}

bool bucket_open(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                 struct bucket_object **ret_object, struct error *error)
{
    (void)store;
    (void)name;
    (void)intent;
    (void)ret_object;
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "none");
}

bool bucket_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                      char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    (void)store;
    (void)name;
    (void)ret_tags;
    (void)ret_version;
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "none");
}

void bucket_close(struct bucket_object *object)
{
    (void)object;
}

bool payload_decoder_trailer(const struct payload_decoder *decoder, struct checksum_value *ret_value)
{
    (void)decoder;
    return checksum_parse(CHECKSUM_CRC32C, SPAN("yZRlqg=="), ret_value);
}

/* ---- what is addressed ---- */

struct address_case {
    const char *target;
    const char *host;
    const char *bucket;
    const char *key;
    enum s3_level level; /* 0: refused with InvalidURI */
};

static const struct address_case addresses[] = {
    {"/", "h", "", "", LEVEL_SERVICE},
    {"/bucket", "h", "bucket", "", LEVEL_BUCKET},
    {"/bucket/", "h", "bucket", "", LEVEL_BUCKET}, /* statement 25 */
    {"/bucket/key", "h", "bucket", "key", LEVEL_OBJECT},
    {"/bucket//key", "h", "bucket", "/key", LEVEL_OBJECT},
    {"/bucket/a/b/", "h", "bucket", "a/b/", LEVEL_OBJECT},
    {"/bucket/a+b", "h", "bucket", "a+b", LEVEL_OBJECT},           /* 26 */
    {"/bucket/a%2Bb%20c", "h", "bucket", "a+b c", LEVEL_OBJECT},   /* 26 */
    {"/bucket/%252e%252e", "h", "bucket", "%2e%2e", LEVEL_OBJECT}, /* 27 */
    {"/bucket/%F0%9F%90%B3", "h", "bucket", "\xf0\x9f\x90\xb3", LEVEL_OBJECT},
    {"/bucket/%", "h", NULL, NULL, 0},   /* 29 */
    {"/bucket/%4", "h", NULL, NULL, 0},  /* 29 */
    {"/bucket/%zz", "h", NULL, NULL, 0}, /* 29 */
    {"/bucket/%ff", "h", NULL, NULL, 0}, /* 29: no UTF-8 */
    {"/bucket?prefix=%zz", "h", NULL, NULL, 0},
    /* 30: virtual-host style */
    {"/key", "bucket.s3.example", "bucket", "key", LEVEL_OBJECT},
    {"/", "bucket.s3.example", "bucket", "", LEVEL_BUCKET},
    {"/a/b", "my.dotted.bucket.s3.example:8014", "my.dotted.bucket", "a/b", LEVEL_OBJECT},
    {"/key", "BUCKET.S3.Example:8014", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", "s3.example", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", "s3.example:8014", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", "127.0.0.1:8014", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", "[::1]:8014", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", "elsewhere.example", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", "xs3.example", "bucket", "key", LEVEL_OBJECT},
    {"/bucket/key", ".s3.example", "bucket", "key", LEVEL_OBJECT},
};

START_TEST(addresses_are_resolved)
{
    const struct address_case *want = &addresses[_i];
    char text[512];
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", want->target, want->host);
    struct s3_request *request = fixture_request(text, "s3.example");
    ck_assert_msg((request != NULL) == (want->level != 0), "%s", text);
    if (request == NULL) {
        ck_assert_str_eq(fixture_error.code, S3_InvalidURI);
        return;
    }
    ck_assert_msg(request->level == want->level, "%s: level %d", text, request->level);
    ck_assert_msg(span_equal(request->bucket, span_from_string(want->bucket)), "%s", text);
    ck_assert_msg(span_equal(request->key, span_from_string(want->key)), "%s", text);
}
END_TEST

START_TEST(a_plus_in_the_query_is_a_space) /* statement 349; in the path it stays a plus (26) */
{
    struct span value;
    struct s3_request *request =
        fixture_request("GET /b/a+b?prefix=a+b%2Bc&c+d=+&e=%20 HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    ck_assert_ptr_nonnull(request);
    ck_assert(span_equal(request->key, SPAN("a+b")));
    ck_assert(s3_request_parameter(request, "prefix", &value) && span_equal(value, SPAN("a b+c")));
    ck_assert(s3_request_parameter(request, "c d", &value) && span_equal(value, SPAN(" ")));
    ck_assert(s3_request_parameter(request, "e", &value) && span_equal(value, SPAN(" ")));
}
END_TEST

static struct s3_request *with_headers(const char *headers)
{
    static char text[8192];
    (void)snprintf(text, sizeof text, "PUT /bucket/key HTTP/1.1\r\nHost: h\r\n%s\r\n", headers);
    struct s3_request *request = fixture_request(text, NULL);
    ck_assert_ptr_nonnull(request);
    return request;
}

START_TEST(keys_have_a_length)
{
    char key[1026];
    memset(key, 'k', sizeof key);
    struct s3_request *request = with_headers("");
    ck_assert(s3_key_is_allowed(request, span_of(key, 1024), true, &fixture_error)); /* statement 133 */
    ck_assert(!s3_key_is_allowed(request, span_of(key, 1025), true, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_KeyTooLongError);
    ck_assert_str_eq(fixture_detail(request, "Size"), "1025");
    ck_assert_str_eq(fixture_detail(request, "MaxSizeAllowed"), "1024");
}
END_TEST

START_TEST(reserved_keys_are_refused)
{
    struct s3_request *request = with_headers("");
    ck_assert(!s3_key_is_allowed(request, SPAN("a.s4index"), true, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_InvalidObjectName);
    ck_assert(!s3_key_is_allowed(request, SPAN(".bale/x"), false, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_NoSuchKey);
}
END_TEST

START_TEST(the_expected_owner_is_checked)
{
    struct bucket_info info;
    struct s3_request *request = with_headers("x-amz-expected-bucket-owner: owner\r\n");
    ck_assert(s3_find_bucket(request, request->bucket, "x-amz-expected-bucket-owner", &info, &fixture_error));
    request = with_headers("x-amz-expected-bucket-owner: another\r\n"); /* statement 35 */
    ck_assert(!s3_find_bucket(request, request->bucket, "x-amz-expected-bucket-owner", &info, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_AccessDenied);
}
END_TEST

/* ---- the headers of an object ---- */

static struct buffer taken;

static bool take(const char *headers)
{
    buffer_free(&taken);
    buffer_init(&taken, 0);
    return object_headers_take(with_headers(headers), &taken, &fixture_error);
}

static const char *taken_value(const char *name)
{
    static char text[4096];
    struct span value;
    if (!metadata_find(buffer_span(&taken), span_from_string(name), &value))
        return NULL;
    (void)snprintf(text, sizeof text, "%.*s", SPAN_FORMAT(value));
    return text;
}

START_TEST(content_headers_are_taken)
{
    ck_assert(take(""));
    ck_assert_str_eq(taken_value("content-type"), "binary/octet-stream"); /* statement 128 */
    ck_assert(take("Content-Type:\r\n"));
    ck_assert_str_eq(taken_value("content-type"), "binary/octet-stream"); /* 128 */
    ck_assert(take("Content-Type: text/plain; charset=\"x\"\r\nCache-Control: no-cache\r\nExpires: soon\r\n"
                   "Content-Disposition: attachment\r\nContent-Language: de\r\nContent-Encoding: gzip\r\n"));
    ck_assert_str_eq(taken_value("content-type"), "text/plain; charset=\"x\""); /* 129 */
    ck_assert_str_eq(taken_value("cache-control"), "no-cache");
    ck_assert_str_eq(taken_value("expires"), "soon");
    ck_assert_str_eq(taken_value("content-disposition"), "attachment");
    ck_assert_str_eq(taken_value("content-language"), "de");
    ck_assert_str_eq(taken_value("content-encoding"), "gzip");
}
END_TEST

START_TEST(aws_chunked_is_no_property_of_the_object)
{
    ck_assert(take("Content-Encoding: gzip, aws-chunked\r\n")); /* statement 77 */
    ck_assert_str_eq(taken_value("content-encoding"), "gzip");
    ck_assert(take("Content-Encoding: aws-chunked,gzip , br\r\n"));
    ck_assert_str_eq(taken_value("content-encoding"), "gzip,br");
    ck_assert(take("Content-Encoding: AWS-Chunked\r\n"));
    ck_assert_ptr_null(taken_value("content-encoding"));
    ck_assert(take("Content-Encoding: gzip , br\r\n")); /* 129: byte for byte */
    ck_assert_str_eq(taken_value("content-encoding"), "gzip , br");
}
END_TEST

START_TEST(user_metadata_is_taken)
{
    /* statement 130 */
    ck_assert(
        take("X-Amz-Meta-Color: red\r\nx-amz-meta-color: blue\r\nx-amz-meta-empty:\r\nX-AMZ-META-COLOR: green\r\n"));
    ck_assert_str_eq(taken_value("x-amz-meta-color"), "red,blue,green");
    ck_assert_str_eq(taken_value("x-amz-meta-empty"), "");
    ck_assert(take("x-amz-meta-S4-codec: forged\r\nx-amz-meta-s4x: kept\r\n")); /* what a client cannot forge */
    ck_assert_ptr_null(taken_value("x-amz-meta-s4-codec"));
    ck_assert_ptr_null(taken_value("x-amz-meta-S4-codec"));
    ck_assert_str_eq(taken_value("x-amz-meta-s4x"), "kept");
    ck_assert(take("x-amz-meta-name: gr\xc3\xbc\xc3\x9f\r\n")); /* 132 */
    ck_assert_str_eq(taken_value("x-amz-meta-name"), "gr\xc3\xbc\xc3\x9f");
}
END_TEST

static void make_metadata(char *headers, size_t bytes)
{
    int size = sprintf(headers, "x-amz-meta-name: ");
    memset(headers + size, 'v', bytes - 4);
    strcpy(headers + size + bytes - 4, "\r\n");
}

START_TEST(user_metadata_has_a_bound)
{
    static char headers[4096];
    make_metadata(headers, 2048); /* statement 131 */
    ck_assert(take(headers));
    make_metadata(headers, 2049);
    ck_assert(!take(headers));
    ck_assert_str_eq(fixture_error.code, S3_MetadataTooLarge);
}
END_TEST

START_TEST(placement_is_checked)
{
    ck_assert(take("x-amz-storage-class: STANDARD\r\n"));
    ck_assert_ptr_null(taken_value("x-amz-storage-class")); /* statement 138 */
    ck_assert(take("x-amz-storage-class: GLACIER\r\n"));
    ck_assert_str_eq(taken_value("x-amz-storage-class"), "GLACIER");
    ck_assert(!take("x-amz-storage-class: PAPER\r\n"));
    ck_assert_str_eq(fixture_error.code, S3_InvalidStorageClass);
    ck_assert(take("x-amz-website-redirect-location: /there\r\n")); /* 140 */
    ck_assert(!take("x-amz-website-redirect-location: there\r\n"));
    ck_assert_str_eq(fixture_error.code, S3_InvalidRedirectLocation);
}
END_TEST

START_TEST(headers_are_given_back)
{
    ck_assert(take("Content-Type: text/plain\r\nCache-Control: no-cache\r\nx-amz-meta-a: 1\r\n"));
    struct s3_request *request = fixture_request(
        "GET /b/k?response-content-type=image%2Fpng&response-expires=never HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    object_headers_answer(request, buffer_span(&taken));
    ck_assert_str_eq(fixture_answered("Content-Type"), "image/png"); /* statement 147 */
    ck_assert_str_eq(fixture_answered("Expires"), "never");
    ck_assert_str_eq(fixture_answered("Cache-Control"), "no-cache");
    ck_assert_str_eq(fixture_answered("x-amz-meta-a"), "1");
    ck_assert_ptr_null(fixture_answered("content-type"));
}
END_TEST

struct meta_case {
    const char *taken;
    const char *given;
};

static const struct meta_case metas[] = {
    {"plain", "plain"},
    {"", ""},
    {"Gr\xc3\xbc\xc3\x9f"
     "e",
     "=?UTF-8?B?R3LDvMOfZQ==?="}, /* statement 353 */
    {"\xf0\x9f\x98\x80", "=?UTF-8?B?8J+YgA==?="},
    {"=?UTF-8?B?w6Q=?=", "=?UTF-8?B?w6Q=?="}, /* came in that form */
    {"=?UTF-8?Q?=C3=A4?= \xc3\xa4", "=?UTF-8?B?PT9VVEYtOD9RPz1DMz1BND89IMOk?="},
    {"latin \xe4", "latin \xe4"}, /* no UTF-8 */
};

START_TEST(user_metadata_beyond_ascii)
{
    char headers[256];
    (void)snprintf(headers, sizeof headers, "x-amz-meta-a: %s\r\nContent-Language: \xc3\xa4\r\n", metas[_i].taken);
    ck_assert(take(headers));
    ck_assert_str_eq(taken_value("x-amz-meta-a"), metas[_i].taken); /* as it came */
    struct s3_request *request = fixture_request("GET /b/k HTTP/1.1\r\nHost: h\r\n\r\n", NULL);
    object_headers_answer(request, buffer_span(&taken));
    ck_assert_str_eq(fixture_answered("x-amz-meta-a"), metas[_i].given);
    ck_assert_str_eq(fixture_answered("Content-Language"), "\xc3\xa4"); /* 129 */
}
END_TEST

struct unoffered_case {
    const char *headers;
    const char *code; /* NULL: accepted */
    const char *detail;
};

static const struct unoffered_case unoffered[] = {
    {"", NULL, NULL},
    {"X-Amz-Server-Side-Encryption: AES256\r\n", "NotImplemented", "x-amz-server-side-encryption"},
    {"x-amz-server-side-encryption-customer-key: k\r\n", "NotImplemented", "x-amz-server-side-encryption-customer-key"},
    {"x-amz-tagging: a=b\r\n", NULL, NULL},
    {"x-amz-tagging-directive: COPY\r\n", NULL, NULL},
    {"x-amz-write-offset-bytes: 5\r\n", "NotImplemented", "x-amz-write-offset-bytes"}, /* 143 */
};

START_TEST(what_is_not_offered_is_refused)
{
    const struct unoffered_case *want = &unoffered[_i];
    struct s3_request *request = with_headers(want->headers);
    bool ok = object_headers_refuse_unoffered(request, NULL, &fixture_error);
    ck_assert_msg(ok == (want->code == NULL), "%s", want->headers);
    if (!ok)
        ck_assert_str_eq(fixture_error.code, want->code);
    if (want->detail != NULL)
        ck_assert_str_eq(fixture_detail(request, "Header"), want->detail);
}
END_TEST

/* ---- checksums ---- */

struct claim_case {
    const char *headers;
    const char *code; /* NULL: accepted, with `algorithm` */
    enum checksum_algorithm algorithm;
};

static const struct claim_case claims[] = {
    {"", NULL, CHECKSUM_NONE},
    {"x-amz-checksum-crc32: y/Q5Jg==\r\n", NULL, CHECKSUM_CRC32},
    {"x-amz-checksum-crc64nvme: rosUhgp5mIg=\r\n", NULL, CHECKSUM_CRC64NVME},
    {"x-amz-checksum-crc32: y/Q5Jg==\r\nx-amz-sdk-checksum-algorithm: CRC32\r\n", NULL, CHECKSUM_CRC32},
    {"x-amz-checksum-mode: ENABLED\r\n", NULL, CHECKSUM_NONE},
    {"x-amz-checksum-crc32: y/Q5Jg==\r\nx-amz-checksum-crc32c: yZRlqg==\r\n", "InvalidRequest", 0}, /* statement 96 */
    {"x-amz-checksum-crc32: y/Q5Jg==\r\nx-amz-checksum-crc32: y/Q5Jg==\r\n", "InvalidRequest", 0},  /* 96 */
    {"x-amz-sdk-checksum-algorithm: CRC32\r\n", "InvalidRequest", 0},                               /* 97 */
    {"x-amz-checksum-crc32: y/Q5Jg==\r\nx-amz-sdk-checksum-algorithm: SHA1\r\n", "InvalidRequest", 0}, /* 97 */
    {"x-amz-checksum-crc32: y/Q5Jg==\r\nx-amz-sdk-checksum-algorithm: CRC7\r\n", "InvalidRequest", 0}, /* 97 */
    {"x-amz-checksum-crc32: y/Q5\r\n", "InvalidRequest", 0},                                           /* 98 */
    {"x-amz-checksum-crc32: !!!!!!==\r\n", "InvalidRequest", 0},                                       /* 98 */
    {"x-amz-checksum-sha512: AAAA\r\n", "InvalidRequest", 0},                                          /* 93 */
    {"Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n", NULL, CHECKSUM_NONE},
    {"Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\nx-amz-sdk-checksum-algorithm: MD5\r\n", NULL, CHECKSUM_MD5},
    {"Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\nx-amz-sdk-checksum-algorithm: SHA1\r\n", "InvalidRequest",
     CHECKSUM_NONE},
    {"x-amz-sdk-checksum-algorithm: MD5\r\n", "InvalidRequest", CHECKSUM_NONE},
    {"Content-MD5:\r\n", "InvalidDigest", 0},                      /* 99 */
    {"Content-MD5: 1B2M2Y8AsgTpgAmY7PhC\r\n", "InvalidDigest", 0}, /* 99 */
    {"Content-MD5: nonsense\r\n", "InvalidDigest", 0},             /* 99 */
};

START_TEST(claims_are_parsed)
{
    const struct claim_case *want = &claims[_i];
    struct checksum_claim claim;
    bool ok = checksum_claim_parse(with_headers(want->headers), CHECKSUM_NONE, &claim, &fixture_error);
    ck_assert_msg(ok == (want->code == NULL), "%s", want->headers);
    if (ok)
        ck_assert_uint_eq(claim.algorithm, want->algorithm);
    else
        ck_assert_str_eq(fixture_error.code, want->code);
}
END_TEST

START_TEST(trailers_are_announced)
{
    struct checksum_claim claim;
    ck_assert(checksum_claim_parse(with_headers(""), CHECKSUM_CRC32C, &claim, &fixture_error));
    ck_assert_uint_eq(claim.trailer, CHECKSUM_CRC32C);
    ck_assert_uint_eq(claim.algorithm, CHECKSUM_CRC32C);
    struct s3_request *request = with_headers("x-amz-sdk-checksum-algorithm: SHA1\r\n"); /* statement 88 */
    ck_assert(!checksum_claim_parse(request, CHECKSUM_CRC32C, &claim, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_InvalidRequest);
    request = with_headers("x-amz-checksum-crc32c: yZRlqg==\r\n"); /* 90 */
    ck_assert(!checksum_claim_parse(request, CHECKSUM_CRC32C, &claim, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_InvalidRequest);
}
END_TEST

START_TEST(digests_are_compared)
{
    struct checksum_claim claim;
    struct checksum_value computed;
    uint8_t md5[MD5_BYTES] = {0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04,
                              0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e};
    ck_assert(checksum_parse(CHECKSUM_CRC32, SPAN("y/Q5Jg=="), &computed));
    ck_assert(checksum_claim_parse(
        with_headers("Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\nx-amz-checksum-crc32: y/Q5Jg==\r\n"), CHECKSUM_NONE,
        &claim, &fixture_error));
    ck_assert(checksum_claim_verify(&claim, NULL, md5, &computed, &fixture_error));
    computed.bytes[3] ^= 1;
    ck_assert(!checksum_claim_verify(&claim, NULL, md5, &computed, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_BadDigest); /* statement 95 */
    computed.bytes[3] ^= 1;
    md5[0] ^= 1;
    ck_assert(!checksum_claim_verify(&claim, NULL, md5, &computed, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_BadDigest); /* 99 */

    claim = (struct checksum_claim){.trailer = CHECKSUM_CRC32C, .algorithm = CHECKSUM_CRC32C};
    ck_assert(checksum_parse(CHECKSUM_CRC32C, SPAN("yZRlqg=="), &computed));
    ck_assert(checksum_claim_verify(&claim, NULL, md5, &computed, &fixture_error));
    computed.bytes[0] ^= 1;
    ck_assert(!checksum_claim_verify(&claim, NULL, md5, &computed, &fixture_error)); /* 87 */
}
END_TEST

/* ---- conditions ---- */

START_TEST(write_conditions_are_read)
{
    struct write_condition storage;
    const struct write_condition *condition;
    ck_assert(s3_write_condition(with_headers(""), &storage, &condition, &fixture_error));
    ck_assert_ptr_null(condition);
    ck_assert(s3_write_condition(with_headers("If-None-Match: *\r\n"), &storage, &condition, &fixture_error));
    ck_assert_ptr_eq(condition, &storage);
    ck_assert(span_equal(condition->if_none_match, SPAN("*")));
    struct s3_request *request = with_headers("If-None-Match: *\r\nIf-Match: *\r\n"); /* section Z */
    ck_assert(!s3_write_condition(request, &storage, &condition, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_NotImplemented);
    ck_assert_str_ne(fixture_detail(request, "Header"), "");
}
END_TEST

START_TEST(delete_conditions_are_read)
{
    struct write_condition storage;
    const struct write_condition *condition;
    struct s3_request *request = with_headers("x-amz-if-match-size: 12\r\n"
                                              "x-amz-if-match-last-modified-time: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    ck_assert(s3_delete_condition(request, &storage, &condition, &fixture_error)); /* statement 203 */
    ck_assert_ptr_eq(condition, &storage);
    ck_assert(condition->has_size && condition->size == 12);
    ck_assert(condition->has_modified && condition->modified_ms == INT64_C(784111777000));
    ck_assert(
        !s3_delete_condition(with_headers("x-amz-if-match-size: many\r\n"), &storage, &condition, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_InvalidArgument);
    ck_assert(!s3_delete_condition(with_headers("If-None-Match: *\r\n"), &storage, &condition, &fixture_error));
    ck_assert_str_eq(fixture_error.code, S3_NotImplemented);
}
END_TEST

START_TEST(dates_that_cannot_be_read_are_ignored)
{
    struct read_condition condition;
    s3_read_condition(with_headers("If-Modified-Since: yesterday\r\n"
                                   "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
                      &condition);
    ck_assert(!condition.has_modified_since); /* statement 189 */
    ck_assert(condition.has_unmodified_since && condition.unmodified_since_ms == INT64_C(784111777000));
}
END_TEST

/* ---- the source of a copy ---- */

struct source_case {
    const char *header;
    const char *bucket; /* NULL: InvalidArgument */
    const char *key;
    const char *version;
};

static const struct source_case sources[] = {
    {"bucket/key", "bucket", "key", ""}, /* statement 216 */
    {"/bucket/key", "bucket", "key", ""},
    {"/bucket/a%20b%2Bc+d", "bucket", "a b+c d", ""}, /* 350 */
    {"bucket/++%2B%2b", "bucket", "  ++", ""},
    {"bucket%2Fkey%2Fmore", "bucket", "key/more", ""},
    {"bucket//key", "bucket", "/key", ""},
    {"bucket/key?versionId=null", "bucket", "key", "null"},
    {"bucket/key%3FversionId=null", "bucket", "key?versionId=null", ""},
    {"bucket/%252e", "bucket", "%2e", ""},
    {"bucket/key?versionId=bad!", NULL, NULL, NULL},
    {"bucket/%zz", NULL, NULL, NULL}, /* 217 */
    {"bucket/%", NULL, NULL, NULL},
    {"BUCKET/key", NULL, NULL, NULL},
    {"bucket", NULL, NULL, NULL},
    {"bucket/", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
    {"/", NULL, NULL, NULL},
    {"bucket/../key", NULL, NULL, NULL},
    {"bucket/a/../../key", NULL, NULL, NULL},
    {"bucket/%ff", NULL, NULL, NULL},
};

START_TEST(copy_sources_are_parsed)
{
    const struct source_case *want = &sources[_i];
    struct object_name name;
    bool ok = copy_source_parse(with_headers(""), span_from_string(want->header), &name, &fixture_error);
    ck_assert_msg(ok == (want->bucket != NULL), "%s", want->header);
    if (!ok) {
        ck_assert_str_eq(fixture_error.code, S3_InvalidArgument);
        return;
    }
    ck_assert_msg(span_equal(name.bucket, span_from_string(want->bucket)), "%s", want->header);
    ck_assert_msg(span_equal(name.key, span_from_string(want->key)), "%s", want->header);
    ck_assert_msg(span_equal(name.version, span_from_string(want->version)), "%s", want->header);
}
END_TEST

/* ---- presigned URLs ---- */

START_TEST(hoisted_headers_count)
{
    struct span value;
    struct s3_request *request = fixture_request("PUT /b/k?X-Amz-Meta-Color=red&X-Amz-Expires=60&"
                                                 "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-acl=private HTTP/1.1\r\n"
                                                 "Host: h\r\n\r\n",
                                                 NULL);
    ck_assert(!s3_request_header(request, "x-amz-acl", &value)); /* the signer did not mean them as headers */
    request->authentication.is_presigned = true;
    ck_assert(s3_request_header(request, "x-amz-acl", &value) && span_equal(value, SPAN("private")));
    ck_assert(!s3_request_header(request, "x-amz-expires", &value));
    buffer_free(&taken);
    ck_assert(object_headers_take(request, &taken, &fixture_error));
    ck_assert_str_eq(taken_value("x-amz-meta-color"), "red");
    struct checksum_claim claim;
    ck_assert(checksum_claim_parse(request, CHECKSUM_NONE, &claim, &fixture_error)); /* statement 70 */
    ck_assert_uint_eq(claim.algorithm, CHECKSUM_NONE);
}
END_TEST

#define ADD(test, table) tcase_add_loop_test(tests, test, 0, sizeof(table) / sizeof(table)[0])

int main(void)
{
    Suite *suite = suite_create("s3-request");
    TCase *tests = tcase_create("request");
    ADD(addresses_are_resolved, addresses);
    ADD(what_is_not_offered_is_refused, unoffered);
    ADD(user_metadata_beyond_ascii, metas);
    ADD(claims_are_parsed, claims);
    ADD(copy_sources_are_parsed, sources);
    tcase_add_test(tests, keys_have_a_length);
    tcase_add_test(tests, reserved_keys_are_refused);
    tcase_add_test(tests, the_expected_owner_is_checked);
    tcase_add_test(tests, content_headers_are_taken);
    tcase_add_test(tests, aws_chunked_is_no_property_of_the_object);
    tcase_add_test(tests, user_metadata_is_taken);
    tcase_add_test(tests, user_metadata_has_a_bound);
    tcase_add_test(tests, placement_is_checked);
    tcase_add_test(tests, headers_are_given_back);
    tcase_add_test(tests, trailers_are_announced);
    tcase_add_test(tests, digests_are_compared);
    tcase_add_test(tests, write_conditions_are_read);
    tcase_add_test(tests, delete_conditions_are_read);
    tcase_add_test(tests, dates_that_cannot_be_read_are_ignored);
    tcase_add_test(tests, hoisted_headers_count);
    tcase_add_test(tests, a_plus_in_the_query_is_a_space);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
