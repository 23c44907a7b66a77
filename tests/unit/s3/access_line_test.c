/* tests/unit/s3/access_line_test.c -- a line of an access log: every field, none of them, and what clients send to
 * break out of it. */
#include "server/s3/access_log/access_line.h"

#include "tests/unit/run_suite.h"

static struct buffer text;

static struct span written(const struct access_line *line)
{
    buffer_clear(&text);
    access_line_write(line, &text);
    return buffer_span(&text);
}

#define ck_assert_line(line, expected)                                                            \
    do {                                                                                          \
        struct span found = written(line);                                                        \
        ck_assert_msg(span_equal(found, span_from_string(expected)), "%.*s", SPAN_FORMAT(found)); \
    } while (false)

START_TEST(all_fields)
{
    const struct access_line line = {
        .bucket_owner = SPAN("owner"),
        .bucket = SPAN("bucket"),
        .time_ms = INT64_C(1549411238123),
        .remote = SPAN("192.0.2.3"),
        .requester = SPAN("alice"),
        .request_id = SPAN("id"),
        .operation = SPAN("REST.GET.OBJECT"),
        .key = SPAN("a b/c"),
        .method = SPAN("GET"),
        .target = SPAN("/bucket/a%20b/c?partNumber=1"),
        .status = 206,
        .bytes_sent = 7,
        .has_size = true,
        .object_size = 70,
        .total_ms = 12,
        .turn_around_ms = 3,
        .referer = SPAN("http://example/"),
        .agent = SPAN("aws-cli/2 x"),
        .version = SPAN("null"),
        .host_id = SPAN("host"),
        .signature = "SigV4",
        .cipher = "TLS_AES_128_GCM_SHA256",
        .authentication = "AuthHeader",
        .host = SPAN("s3.example:9000"),
        .tls_version = "TLSv1.3",
        .is_by_acl = true,
        .region = SPAN("us-east-1"),
    };
    ck_assert_line(&line,
                   "owner bucket [06/Feb/2019:00:00:38 +0000] 192.0.2.3 alice id REST.GET.OBJECT a%20b/c "
                   "\"GET /bucket/a%20b/c?partNumber=1 HTTP/1.1\" 206 - 7 70 12 3 \"http://example/\" "
                   "\"aws-cli/2%20x\" null host SigV4 TLS_AES_128_GCM_SHA256 AuthHeader s3.example:9000 TLSv1.3 - "
                   "Yes us-east-1\n");
}
END_TEST

START_TEST(no_fields)
{
    const struct access_line line = {.method = SPAN("GET"), .target = SPAN("/"), .code = "AccessDenied"};
    ck_assert_line(&line, "- - [01/Jan/1970:00:00:00 +0000] - - - - - \"GET / HTTP/1.1\" - AccessDenied - - 0 0 \"-\" "
                          "\"-\" - - - - - - - - - -\n");
}
END_TEST

/* One line, and as many fields as ever. */
START_TEST(what_clients_send_stays_in_its_field)
{
    const struct access_line line = {
        .operation = SPAN("REST.PUT.OBJECT"),
        .key = SPAN("\"\n\r %41\xc3\xbc\x7f"),
        .method = SPAN("PUT"),
        .target = SPAN("/b/k?a=\"&b= "),
        .referer = SPAN("\"\n%20"),
        .agent = SPAN("a\tb"),
        .version = SPAN("a b"),
        .host = SPAN("h \""),
    };
    ck_assert_line(&line,
                   "- - [01/Jan/1970:00:00:00 +0000] - - - REST.PUT.OBJECT %22%0A%0D%20%2541%C3%BC%7F "
                   "\"PUT /b/k?a=%22&b=%20 HTTP/1.1\" - - - - 0 0 \"%22%0A%20\" \"a%09b\" a%20b - - - - h%20%22 - - - "
                   "-\n");
}
END_TEST

START_TEST(secrets_are_masked)
{
    const struct access_line line = {
        .method = SPAN("GET"),
        .target = SPAN("/?X-Amz-Signature=0123&X-Amz-Date=1&x-amz-security-token=abc&X-Amz-Sign%61ture=45&Signature=6&"
                       "X-Amz-SignedHeaders=host&X-Amz-Signature&x-amz-server-side-encryption-customer-key=c2Vj&"
                       "X-Amz-Copy-Source-Server-Side-Encryption-Customer-K%65y=c2Vj"),
    };
    ck_assert_line(&line, "- - [01/Jan/1970:00:00:00 +0000] - - - - - \"GET /?X-Amz-Signature=***&X-Amz-Date=1&"
                          "x-amz-security-token=***&X-Amz-Sign%61ture=***&Signature=***&X-Amz-SignedHeaders=host&"
                          "X-Amz-Signature&x-amz-server-side-encryption-customer-key=***&"
                          "X-Amz-Copy-Source-Server-Side-Encryption-Customer-K%65y=***"
                          " HTTP/1.1\" - - - - 0 0 \"-\" \"-\" - - - - - - - - - -\n");
}
END_TEST

START_TEST(long_texts_are_cut)
{
    static uint8_t key[64 << 10];
    const struct access_line line = {.key = span_of(key, sizeof key),
                                     .method = SPAN("GET"),
                                     .target = span_of(key, sizeof key),
                                     .referer = span_of(key, sizeof key),
                                     .agent = span_of(key, sizeof key)};
    ck_assert_uint_le(written(&line).size, ACCESS_LINE_BYTES_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access line");
    TCase *cases = tcase_create("access line");
    tcase_add_test(cases, all_fields);
    tcase_add_test(cases, no_fields);
    tcase_add_test(cases, what_clients_send_stays_in_its_field);
    tcase_add_test(cases, secrets_are_masked);
    tcase_add_test(cases, long_texts_are_cut);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
