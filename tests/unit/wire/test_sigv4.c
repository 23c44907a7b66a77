/* tests/unit/wire/test_sigv4.c -- signatures, against the examples of the Amazon S3 API reference and against botocore.
 */
#include "s3client/wire/sigv4.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/wire/vectors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const struct span timestamp = {(const uint8_t *)"20130524T000000Z", 16};
static const struct span scope = {(const uint8_t *)"20130524/us-east-1/s3/aws4_request", 34};

static void make_key(uint8_t key[SHA256_BYTES])
{
    sigv4_signing_key(SPAN(VECTOR_SECRET_KEY), SPAN("20130524"), SPAN("us-east-1"), SPAN("s3"), key);
}

static void sign_request(const struct sigv4_request *request, char signature[65])
{
    struct buffer canonical;
    struct buffer to_sign;
    struct span missing;
    uint8_t key[SHA256_BYTES];
    buffer_init(&canonical, 0);
    buffer_init(&to_sign, 0);
    make_key(key);
    ck_assert(sigv4_canonical_request(request, &canonical, &missing));
    sigv4_string_to_sign(timestamp, scope, buffer_span(&canonical), &to_sign);
    sigv4_signature(key, buffer_span(&to_sign), signature);
    signature[64] = '\0';
    buffer_free(&canonical);
    buffer_free(&to_sign);
}

static struct sigv4_header header(const char *name, const char *value)
{
    return (struct sigv4_header){span_from_string(name), span_from_string(value)};
}

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

START_TEST(example_get_object)
{
    struct sigv4_header headers[] = {
        header("Host", "examplebucket.s3.amazonaws.com"),
        header("Range", "bytes=0-9"),
        header("x-amz-content-sha256", EMPTY_HASH),
        header("x-amz-date", "20130524T000000Z"),
    };
    struct sigv4_request request = {
        .method = SPAN("GET"),
        .path = SPAN("/test.txt"),
        .headers = headers,
        .headers_count = 4,
        .signed_headers = SPAN("host;range;x-amz-content-sha256;x-amz-date"),
        .payload_hash = SPAN(EMPTY_HASH),
    };
    char signature[65];
    sign_request(&request, signature);
    ck_assert_str_eq(signature, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}
END_TEST

START_TEST(example_put_object)
{
    struct sigv4_header headers[] = {
        header("Host", "examplebucket.s3.amazonaws.com"),
        header("Date", "Fri, 24 May 2013 00:00:00 GMT"),
        header("x-amz-date", "20130524T000000Z"),
        header("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        header("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
    };
    struct sigv4_request request = {
        .method = SPAN("PUT"),
        .path = SPAN("/test$file.text"),
        .headers = headers,
        .headers_count = 5,
        .signed_headers = SPAN("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class"),
        .payload_hash = headers[4].value,
    };
    char signature[65];
    sign_request(&request, signature);
    ck_assert_str_eq(signature, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}
END_TEST

START_TEST(example_lists)
{
    struct sigv4_header headers[] = {
        header("Host", "examplebucket.s3.amazonaws.com"),
        header("x-amz-content-sha256", EMPTY_HASH),
        header("x-amz-date", "20130524T000000Z"),
    };
    struct sigv4_request request = {
        .method = SPAN("GET"),
        .path = SPAN("/"),
        .query = SPAN("lifecycle"),
        .headers = headers,
        .headers_count = 3,
        .signed_headers = SPAN("host;x-amz-content-sha256;x-amz-date"),
        .payload_hash = SPAN(EMPTY_HASH),
    };
    char signature[65];
    sign_request(&request, signature);
    ck_assert_str_eq(signature, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    request.query = SPAN("prefix=J&max-keys=2");
    sign_request(&request, signature);
    ck_assert_str_eq(signature, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}
END_TEST

START_TEST(example_presigned)
{
    struct sigv4_header headers[] = {header("host", "examplebucket.s3.amazonaws.com")};
    struct sigv4_request request = {
        .method = SPAN("GET"),
        .path = SPAN("/test.txt"),
        .query = SPAN("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2"
                      "Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                      "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
        .headers = headers,
        .headers_count = 1,
        .signed_headers = SPAN("host"),
        .payload_hash = SPAN("UNSIGNED-PAYLOAD"),
    };
    char signature[65];
    sign_request(&request, signature);
    ck_assert_str_eq(signature, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}
END_TEST

static void sign_chunk(size_t size, const char *previous, const char *expected)
{
    static uint8_t bytes[65536];
    uint8_t hash[SHA256_BYTES];
    uint8_t key[SHA256_BYTES];
    char signature[65] = {0};
    struct buffer to_sign;
    memset(bytes, 'a', sizeof bytes);
    sha256_of(span_of(bytes, size), hash);
    make_key(key);
    buffer_init(&to_sign, 0);
    sigv4_chunk_string_to_sign(timestamp, scope, previous, hash, &to_sign);
    sigv4_signature(key, buffer_span(&to_sign), signature);
    ck_assert_str_eq(signature, expected);
    buffer_free(&to_sign);
}

START_TEST(example_chunks)
{
    static const char *const signatures[] = {
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    };
    struct sigv4_header headers[] = {
        header("Host", "s3.amazonaws.com"),
        header("x-amz-date", "20130524T000000Z"),
        header("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        header("Content-Encoding", "aws-chunked"),
        header("x-amz-decoded-content-length", "66560"),
        header("Content-Length", "66824"),
    };
    struct sigv4_request request = {
        .method = SPAN("PUT"),
        .path = SPAN("/examplebucket/chunkObject.txt"),
        .headers = headers,
        .headers_count = 7,
        .signed_headers = SPAN("content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
                               "x-amz-decoded-content-length;x-amz-storage-class"),
        .payload_hash = headers[3].value,
    };
    char signature[65];
    sign_request(&request, signature);
    ck_assert_str_eq(signature, signatures[0]);
    sign_chunk(65536, signatures[0], signatures[1]);
    sign_chunk(1024, signatures[1], signatures[2]);
    sign_chunk(0, signatures[2], signatures[3]);
}
END_TEST

START_TEST(example_trailer)
{
    static const char *const signatures[] = {
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    };
    sign_chunk(65536, signatures[0], signatures[1]);
    sign_chunk(1024, signatures[1], signatures[2]);
    sign_chunk(0, signatures[2], signatures[3]);
    uint8_t hash[SHA256_BYTES];
    uint8_t key[SHA256_BYTES];
    char signature[65] = {0};
    struct buffer to_sign;
    sha256_of(SPAN("x-amz-checksum-crc32c:sOO8/Q==\n"), hash);
    make_key(key);
    buffer_init(&to_sign, 0);
    sigv4_trailer_string_to_sign(timestamp, scope, signatures[3], hash, &to_sign);
    sigv4_signature(key, buffer_span(&to_sign), signature);
    ck_assert_str_eq(signature, "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
    buffer_free(&to_sign);
}
END_TEST

START_TEST(agrees_with_botocore)
{
    const struct vector *vector = &vectors[_i];
    struct sigv4_header headers[8];
    for (unsigned i = 0; i < vector->headers_count; i++)
        headers[i] = header(vector->headers[i].name, vector->headers[i].value);
    struct sigv4_request request = {
        .method = span_from_string(vector->method),
        .path = span_from_string(vector->path),
        .query = span_from_string(vector->query),
        .headers = headers,
        .headers_count = vector->headers_count,
        .signed_headers = span_from_string(vector->signed_headers),
        .payload_hash = span_from_string(vector->payload_hash),
    };
    struct buffer canonical;
    struct span missing;
    buffer_init(&canonical, 0);
    ck_assert(sigv4_canonical_request(&request, &canonical, &missing));
    buffer_append_byte(&canonical, '\0');
    ck_assert_str_eq((const char *)canonical.data, vector->canonical_request);
    buffer_free(&canonical);
    char signature[65];
    sign_request(&request, signature);
    ck_assert_str_eq(signature, vector->signature);
}
END_TEST

START_TEST(headers_in_order_need_no_search)
{
    const struct sigv4_header headers[] = {
        header("host", "h.example"),          header("x-amz-date", "20130524T000000Z"),
        header("x-amz-meta-a", " one  two "), header("x-amz-meta-a", "a   third "),
        header("x-amz-meta-ab", ""),
    };
    struct sigv4_request request = {
        .method = SPAN("PUT"),
        .path = SPAN("/bucket/key"),
        .headers = headers,
        .headers_count = sizeof headers / sizeof headers[0],
        .signed_headers = SPAN("host;x-amz-date;x-amz-meta-a;x-amz-meta-ab"),
        .payload_hash = SPAN("UNSIGNED-PAYLOAD"),
    };
    struct buffer searched = {0};
    struct buffer in_order = {0};
    struct span missing;
    ck_assert(sigv4_canonical_request(&request, &searched, &missing));
    request.are_headers_in_order = true;
    ck_assert(sigv4_canonical_request(&request, &in_order, &missing));
    ck_assert(span_equal(buffer_span(&searched), buffer_span(&in_order)));
    buffer_free(&searched);
    buffer_free(&in_order);
}
END_TEST

static bool canonical_query(const char *query, struct buffer *to, char *text, size_t size)
{
    struct sigv4_request request = {.method = SPAN("GET"), .path = SPAN("/"), .query = span_from_string(query)};
    struct span missing;
    buffer_clear(to);
    if (!sigv4_canonical_request(&request, to, &missing))
        return false;
    struct span rest = span_skip(buffer_span(to), sizeof "GET\n/\n" - 1);
    size_t end = span_find(rest, '\n');
    ck_assert_uint_lt(end, size);
    memcpy(text, rest.data, end);
    text[end] = '\0';
    return true;
}

START_TEST(canonical_queries) /* statement 54 */
{
    static const char *const cases[][2] = {
        {"acl", "acl="},
        {"", ""},
        {"b=2&a=1", "a=1&b=2"},
        {"a=2&a=1&a=2", "a=1&a=2&a=2"},
        {"a%2Bb=%2b&c=a+b", "a%2Bb=%2B&c=a%20b"}, /* statement 349 */
        {"a+b=+&c++=%2b+%2B", "a%20b=%20&c%20%20=%2B%20%2B"},
        {"p=a%20b/c", "p=a%20b%2Fc"},
        {"a-b=1&a=2&a%25=3", "a=2&a%25=3&a-b=1"},
        {"x=%7E~%41", "x=~~A"},
        {"&&a=1&", "a=1"},
        {"=1", "=1"},
        {"X-Amz-Signature=abc&a", "a="},
        {"X%2DAmz-Signature=abc&a", "a="},
        {"k=%C3%A4\xc3\xa4", "k=%C3%A4%C3%A4"},
    };
    struct buffer buffer;
    buffer_init(&buffer, 0);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        ck_assert(canonical_query(cases[i][0], &buffer, text, sizeof text));
        ck_assert_str_eq(text, cases[i][1]);
    }
    char text[64];
    ck_assert(!canonical_query("a=%zz", &buffer, text, sizeof text));
    ck_assert(!canonical_query("%4=1", &buffer, text, sizeof text));
    buffer_free(&buffer);
}
END_TEST

START_TEST(sorts_many_parameters)
{
    struct buffer query;
    struct buffer buffer;
    static char text[16384];
    buffer_init(&query, 0);
    buffer_init(&buffer, 0);
    for (unsigned i = 0; i < 256; i++)
        buffer_append_format(&query, "&p%03u=%s", i * 167 % 256, i % 2 ? "%20%2f%41xyz" : "");
    buffer_append_byte(&query, '\0');
    ck_assert(canonical_query((const char *)query.data, &buffer, text, sizeof text));
    unsigned count = 0;
    for (char *at = strtok(text, "&"); at != NULL; at = strtok(NULL, "&"), count++) {
        char expected[8];
        (void)snprintf(expected, sizeof expected, "p%03u=", count);
        ck_assert(strncmp(at, expected, 5) == 0);
    }
    ck_assert_uint_eq(count, 256);
    query.size--;
    buffer_append_string(&query, "&one=more");
    buffer_append_byte(&query, '\0');
    ck_assert(!canonical_query((const char *)query.data, &buffer, text, sizeof text));
    buffer_free(&query);
    buffer_free(&buffer);
}
END_TEST

START_TEST(normalises_escapes_at_any_offset)
{
    struct buffer buffer;
    buffer_init(&buffer, 0);
    for (unsigned shift = 0; shift < 600; shift++) {
        char query[800] = "k=";
        char expected[800] = "k=";
        char text[1024];
        memset(query + 2, 'x', shift);
        memset(expected + 2, 'x', shift);
        strcpy(query + 2 + shift, "%2f%41%e2%82%ac");
        strcpy(expected + 2 + shift, "%2FA%E2%82%AC");
        ck_assert(canonical_query(query, &buffer, text, sizeof text));
        ck_assert_str_eq(text, expected);
    }
    buffer_free(&buffer);
}
END_TEST

START_TEST(canonical_headers) /* statement 56 */
{
    struct sigv4_header headers[] = {header("A", "  x   y  z "), header("B", "1"), header("a", "2"), header("c", "")};
    struct sigv4_request request = {
        .method = SPAN("GET"),
        .path = SPAN("/a b+%/\xc3\xa4!'()*"),
        .headers = headers,
        .headers_count = 4,
        .signed_headers = SPAN("a;b;c"),
        .payload_hash = SPAN("UNSIGNED-PAYLOAD"),
    };
    struct buffer buffer;
    struct span missing;
    buffer_init(&buffer, 0);
    ck_assert(sigv4_canonical_request(&request, &buffer, &missing));
    buffer_append_byte(&buffer, '\0');
    ck_assert_str_eq((const char *)buffer.data, "GET\n/a%20b%2B%25/%C3%A4%21%27%28%29%2A\n\na:x y z,2\nb:1\nc:\n\n"
                                                "a;b;c\nUNSIGNED-PAYLOAD");
    request.signed_headers = SPAN("a;missing;b");
    ck_assert(!sigv4_canonical_request(&request, &buffer, &missing));
    ck_assert(span_equal(missing, SPAN("missing")));
    request.signed_headers = SPAN("a;a;a;a;a"); /* more names than headers: one of them is asked for twice */
    ck_assert(!sigv4_canonical_request(&request, &buffer, &missing));
    struct buffer small;
    buffer_init(&small, 64);
    request.signed_headers = SPAN("a;b;c");
    ck_assert(!sigv4_canonical_request(&request, &small, &missing));
    ck_assert(small.overflow);
    buffer_free(&buffer);
    buffer_free(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sigv4");
    TCase *tests = tcase_create("sigv4");
    tcase_add_test(tests, example_get_object);
    tcase_add_test(tests, example_put_object);
    tcase_add_test(tests, example_lists);
    tcase_add_test(tests, example_presigned);
    tcase_add_test(tests, example_chunks);
    tcase_add_test(tests, example_trailer);
    tcase_add_loop_test(tests, agrees_with_botocore, 0, VECTORS_COUNT);
    tcase_add_test(tests, canonical_queries);
    tcase_add_test(tests, sorts_many_parameters);
    tcase_add_test(tests, normalises_escapes_at_any_offset);
    tcase_add_test(tests, canonical_headers);
    tcase_add_test(tests, headers_in_order_need_no_search);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
