/* tests/unit/replay/logged_request_test.c -- lines of logs, as they are written and as they should not be. */
#include "tools/bale/replay/logged_request.h"

#include "runtime/log/log_line.h"
#include "server/s3/access_log/access_line.h"
#include "tests/unit/run_suite.h"

#include <check.h>

#define TEXT(called, value)                                         \
    {                                                               \
        .name = called, .kind = LOG_FIELD_TEXT, .text = SPAN(value) \
    }

static struct logged_request read_string(const char *line)
{
    return logged_request_read(span_from_string(line));
}

static void check_span(struct span span, const char *expected)
{
    ck_assert_uint_eq(span.size, strlen(expected));
    ck_assert(span_equal(span, span_from_string(expected)));
}

/* ---- baled's own ---- */

START_TEST(what_the_server_writes_is_read)
{
    static const struct log_field fields[] = {TEXT("id", "1"),
                                              TEXT("bucket", "things"),
                                              TEXT("key", "a \"b\", c=d: {e}"),
                                              {.name = "status", .kind = LOG_FIELD_NUMBER, .number = 206},
                                              TEXT("stored_etag", "etag-2"),
                                              {.name = "stored_size", .kind = LOG_FIELD_NUMBER, .number = 70000},
                                              TEXT("stored_range", "65472-69999"),
                                              {.name = "us", .kind = LOG_FIELD_NUMBER, .number = 9}};
    static struct log_line line;
    for (enum log_format format = LOG_TEXT; format <= LOG_JSON; format++) {
        struct span text = log_line_build(&line, format, 1767225600123, LOG_INFO, "request", fields, 8);
        struct logged_request request = logged_request_read(span_take(text, text.size - 1));
        ck_assert_int_eq(request.kind, LOGGED_READ);
        check_span(request.bucket, "things");
        check_span(request.key, "a \\\"b\\\", c=d: {e}");
        check_span(request.etag, "etag-2");
        ck_assert_uint_eq(request.size, 70000);
        ck_assert_uint_eq(request.first, 65472);
        ck_assert_uint_eq(request.end, 70000);
    }
}
END_TEST

START_TEST(a_collector_may_put_something_before_it)
{
    struct logged_request request =
        read_string("Jan 01 00:00:00 host baled[7]: 2026-01-01T00:00:00.000Z info request bucket=b key=k status=200 "
                    "stored_etag=e stored_size=10 stored_range=0-9");
    ck_assert_int_eq(request.kind, LOGGED_READ);
    check_span(request.key, "k");
    ck_assert_uint_eq(request.end, 10);
}
END_TEST

START_TEST(a_write_is_told)
{
    struct logged_request request = read_string("t info request operation=PutObject bucket=b key=k status=200 in=5");
    ck_assert_int_eq(request.kind, LOGGED_WRITTEN);
    check_span(request.key, "k");
    ck_assert_int_eq(read_string("t info request operation=PutObject bucket=b key=k status=412").kind, LOGGED_OTHER);
    ck_assert_int_eq(read_string("t info request operation=UploadPart bucket=b key=k status=200").kind, LOGGED_OTHER);
}
END_TEST

START_TEST(a_key_is_no_field)
{
    struct logged_request request =
        read_string("t info request bucket=b key=\"x stored_etag=e stored_size=10 stored_range=0-9\" status=200");
    ck_assert_int_eq(request.kind, LOGGED_OTHER);
}
END_TEST

START_TEST(ranges_that_cannot_be_are_nothing)
{
    static const char *const lines[] = {
        "t info request bucket=b key=k stored_etag=e stored_size=10 stored_range=0-10",
        "t info request bucket=b key=k stored_etag=e stored_size=10 stored_range=5-4",
        "t info request bucket=b key=k stored_etag=e stored_size=10 stored_range=5",
        "t info request bucket=b key=k stored_etag=e stored_size=10 stored_range=-5",
        "t info request bucket=b key=k stored_etag=e stored_size=0 stored_range=0-0",
        "t info request bucket=b key=k stored_etag=e stored_size=99999999999999 stored_range=0-9",
        "t info request bucket=b key=k stored_size=10 stored_range=0-9",
        "t info request bucket=b stored_etag=e stored_size=10 stored_range=0-9",
        "t info message text=\"a request bucket=b key=k stored_etag=e stored_size=10 stored_range=0-9\"",
        "{\"event\":\"request\",\"key\":\"k",
        "{",
        "",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        ck_assert_msg(read_string(lines[i]).kind == LOGGED_OTHER, "%s", lines[i]);
}
END_TEST

/* ---- access logs of S3 ---- */

/* As one of Bale's own buckets has it, which is S3's form. */
static struct logged_request read_access(const char *operation, int status, uint64_t sent, uint64_t size,
                                         const char *version)
{
    static struct buffer text;
    const struct access_line line = {
        .bucket_owner = SPAN("owner"),
        .bucket = SPAN("things"),
        .time_ms = 1767225600000,
        .remote = SPAN("127.0.0.1"),
        .request_id = SPAN("id"),
        .operation = span_from_string(operation),
        .key = SPAN("a key"),
        .method = SPAN("GET"),
        .target = SPAN("/things/a%20key?x=\"y\""),
        .status = status,
        .bytes_sent = sent,
        .has_size = true,
        .object_size = size,
        .agent = SPAN("an agent (of \"some\" kind)"),
        .version = span_from_string(version),
    };
    buffer_clear(&text);
    access_line_write(&line, &text);
    return logged_request_read(span_take(buffer_span(&text), text.size - 1));
}

START_TEST(a_whole_read_is_placed)
{
    struct logged_request request = read_access("REST.GET.OBJECT", 200, 1000, 1000, "");
    ck_assert_int_eq(request.kind, LOGGED_READ);
    check_span(request.bucket, "things");
    check_span(request.key, "a%20key");
    ck_assert_uint_eq(request.etag.size, 0);
    ck_assert_uint_eq(request.first, 0);
    ck_assert_uint_eq(request.end, 1000);
    check_span(read_access("REST.GET.OBJECT", 206, 1000, 1000, "v7").etag, "v7");
}
END_TEST

START_TEST(other_requests_are_told_apart)
{
    ck_assert_int_eq(read_access("REST.GET.OBJECT", 206, 10, 1000, "").kind, LOGGED_UNPLACED);
    ck_assert_int_eq(read_access("REST.GET.OBJECT", 304, 0, 1000, "").kind, LOGGED_OTHER);
    ck_assert_int_eq(read_access("REST.GET.OBJECT", 200, 0, 0, "").kind, LOGGED_OTHER);
    ck_assert_int_eq(read_access("REST.HEAD.OBJECT", 200, 0, 1000, "").kind, LOGGED_OTHER);
    ck_assert_int_eq(read_access("REST.PUT.OBJECT", 200, 0, 1000, "").kind, LOGGED_WRITTEN);
    ck_assert_int_eq(read_access("REST.PUT.OBJECT", 412, 0, 1000, "").kind, LOGGED_OTHER);
    ck_assert_int_eq(read_access("BATCH.DELETE.OBJECT", 204, 0, 0, "").kind, LOGGED_WRITTEN);
}
END_TEST

START_TEST(a_line_of_aws_is_read)
{
    struct logged_request request = read_string(
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be amzn-s3-demo-bucket1 "
        "[06/Feb/2019:00:01:57 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be "
        "DD6CC733AEXAMPLE REST.GET.OBJECT s3-dg.pdf \"GET /amzn-s3-demo-bucket1/s3-dg.pdf HTTP/1.1\" 200 - 4406583 "
        "4406583 41754 28 \"-\" \"S3Console/0.4\" - "
        "10S62Zv81kBW7BB6SX4XJ48o6kpcl6LPwEoizZQQxJd5qDSCTNX0TgS37kYUBKQW3+bPdrg1234= SigV4 "
        "ECDHE-RSA-AES128-SHA AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSV1.1 - -");
    ck_assert_int_eq(request.kind, LOGGED_READ);
    check_span(request.key, "s3-dg.pdf");
    ck_assert_uint_eq(request.end, 4406583);
}
END_TEST

int main(void)
{
    TCase *own = tcase_create("own");
    tcase_add_test(own, what_the_server_writes_is_read);
    tcase_add_test(own, a_collector_may_put_something_before_it);
    tcase_add_test(own, a_write_is_told);
    tcase_add_test(own, a_key_is_no_field);
    tcase_add_test(own, ranges_that_cannot_be_are_nothing);
    TCase *access = tcase_create("access");
    tcase_add_test(access, a_whole_read_is_placed);
    tcase_add_test(access, other_requests_are_told_apart);
    tcase_add_test(access, a_line_of_aws_is_read);
    Suite *suite = suite_create("logged request");
    suite_add_tcase(suite, own);
    suite_add_tcase(suite, access);
    return run_suite(suite);
}
