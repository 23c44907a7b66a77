/* tests/unit/http/head_test.c -- request heads: what is read, what is refused, wherever the bytes are cut. */
#include "server/http/head.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define PUT "PUT /b/k HTTP/1.1\r\nHost: h\r\n"

static struct http_head head;
static struct error error;
static size_t head_size;

/* In memory of exactly that size, so that a sanitizer sees a byte read beyond it. */
static enum http_parse parse(struct span bytes)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(bytes.size + 1);
    copy = realloc(copy, bytes.size == 0 ? 1 : bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    head_size = 0;
    error = (struct error){0};
    return http_head_parse(span_of(copy, bytes.size), &head, &head_size, &error);
}

static bool span_is(struct span span, const char *text)
{
    return span_equal(span, span_from_string(text));
}

static void expect_read(const char *text)
{
    struct span bytes = span_from_string(text);
    ck_assert_msg(parse(bytes) == HTTP_PARSE_DONE, "refused: %s: %s", text, error.message);
    ck_assert_uint_eq(head_size, bytes.size);
}

START_TEST(reads_a_request)
{
    expect_read("GET /bucket/a%20key?list-type=2&prefix=x HTTP/1.1\r\n"
                "Host: 127.0.0.1:8014\r\nUser-Agent:\t curl/8 \t\r\nX-Amz-Date: 20130524T000000Z\r\nX-Empty:\r\n\r\n");
    ck_assert(span_is(head.method, "GET"));
    ck_assert(span_is(head.target, "/bucket/a%20key?list-type=2&prefix=x"));
    ck_assert(span_is(head.path, "/bucket/a%20key"));
    ck_assert(span_is(head.query, "list-type=2&prefix=x"));
    ck_assert(span_is(head.host, "127.0.0.1:8014"));
    ck_assert_uint_eq(head.minor_version, 1);
    ck_assert_uint_eq(head.fields_count, 4);
    ck_assert(span_is(head.fields[1].name, "User-Agent"));
    ck_assert(span_is(head.fields[1].value, "curl/8"));
    ck_assert(head.keep_alive && !head.expects_continue && !head.has_content_length);
    ck_assert(head.body_kind == HTTP_BODY_NONE);
}
END_TEST

START_TEST(finds_fields_without_case)
{
    expect_read(GET "X-Amz-Meta-A: 1\r\nx-amz-meta-a: 2\r\nETag: \"x\"\r\n\r\n");
    struct span value;
    ck_assert(http_head_find(&head, "x-amz-meta-a", &value) && span_is(value, "1"));
    ck_assert(http_head_find(&head, "etag", &value) && span_is(value, "\"x\""));
    ck_assert(!http_head_find(&head, "x-amz-meta-b", &value) && value.size == 0);
    ck_assert(!http_head_find(&head, "etaa", &value));
    ck_assert(!http_head_find(&head, "", &value));
    ck_assert_uint_eq(http_head_count(&head, "x-amz-meta-a"), 2);
    ck_assert_uint_eq(http_head_count(&head, "range"), 0);
    head.names_present = 0; /* a head that was put together by hand */
    ck_assert(http_head_find(&head, "etag", &value) && span_is(value, "\"x\""));
    ck_assert(!http_head_find(&head, "etaa", &value));
}
END_TEST

/* Names are looked at in pieces: each byte is put at each place of them. */
START_TEST(names_are_tokens)
{
    static const char line[] = "X-Amz-Meta-0123456789-azAZ-a_name-of~many-letters: value\r\n";
    const size_t name_size = strcspn(line, ":");
    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < name_size; at++) {
            uint8_t text[sizeof line];
            memcpy(text, line, sizeof text);
            text[at] = (uint8_t)byte;
            const uint8_t *position = text;
            const char *reason;
            struct http_field field;
            bool is_read = http_field_parse(&position, text + sizeof text - 1, &field, &reason) == HTTP_PARSE_DONE;
            bool is_colon = byte == ':' && at > 0;
            ck_assert_msg(is_read == (is_colon || http_is_token[byte]), "0x%02x at %zu", byte, at);
            if (is_read)
                ck_assert_uint_eq(field.name.size, is_colon ? at : name_size);
        }
    }
}
END_TEST

START_TEST(reads_the_framing)
{
    expect_read(PUT "Content-Length: 0\r\n\r\n");
    ck_assert(head.body_kind == HTTP_BODY_LENGTH && head.has_content_length && head.content_length == 0);
    expect_read(PUT "content-LENGTH:9223372036854775807\r\n\r\n");
    ck_assert(head.content_length == INT64_MAX);
    expect_read(PUT "Content-Length: 5\r\nContent-Length: 5\r\n\r\n");
    ck_assert_uint_eq(head.content_length, 5);
    expect_read(PUT "Transfer-Encoding: Chunked\r\n\r\n");
    ck_assert(head.body_kind == HTTP_BODY_CHUNKED && !head.has_content_length);
    expect_read(PUT "\r\n"); /* statement 12: that is for the operation to refuse */
    ck_assert(head.body_kind == HTTP_BODY_NONE && !head.has_content_length);
}
END_TEST

START_TEST(reads_expect_and_connection)
{
    expect_read(PUT "Expect: 100-Continue\r\n\r\n");
    ck_assert(head.expects_continue);
    expect_read(PUT "Expect: 200-ok\r\n\r\n"); /* statement 11 */
    ck_assert(!head.expects_continue);
    expect_read(PUT "Expect:\r\n\r\n");
    ck_assert(!head.expects_continue);
    expect_read(GET "Connection: foo, Close\r\n\r\n");
    ck_assert(!head.keep_alive);
    expect_read(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n");
    ck_assert(!head.keep_alive);
    expect_read(GET "Connection: closed\r\n\r\n");
    ck_assert(head.keep_alive);
    expect_read("GET / HTTP/1.0\r\n\r\n");
    ck_assert(!head.keep_alive && head.minor_version == 0);
    expect_read("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nExpect: 100-continue\r\n\r\n");
    ck_assert(head.keep_alive && !head.expects_continue);
    expect_read("GET / HTTP/1.7\r\nHost: h\r\n\r\n"); /* a later minor version is read as 1.1 */
    ck_assert_uint_eq(head.minor_version, 1);
}
END_TEST

START_TEST(reads_targets)
{
    expect_read("GET http://A.example:80/b/k?acl HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
    ck_assert(span_is(head.target, "/b/k?acl"));
    ck_assert(span_is(head.path, "/b/k") && span_is(head.query, "acl"));
    ck_assert(span_is(head.host, "a.example:80"));
    expect_read("GET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert(span_is(head.path, "/") && span_is(head.host, "h"));
    expect_read("GET //../a?b?c HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"); /* nothing is normalised */
    ck_assert(span_is(head.path, "//../a") && span_is(head.query, "b?c"));
    expect_read("GET /->\\\"^{|}`+%zz HTTP/1.1\r\nHost:\r\n\r\n"); /* statements 26, 27 */
    ck_assert(span_is(head.path, "/->\\\"^{|}`+%zz") && head.host.size == 0);
    expect_read("GET /\xc3\xa4\xff HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert(span_is(head.path, "/\xc3\xa4\xff"));
    expect_read("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
}
END_TEST

static const struct {
    const char *text;
    const char *code;
} refused[] = {
    /* the request line */
    {" GET / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"GET  / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"GET\t/ HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/2.0\r\n", HTTP_BAD_REQUEST},
    {"GET / http/1.1\r\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/1.1 \r\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/1.1\n\n\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/1.11\r\n", HTTP_BAD_REQUEST},
    {"GET /a b HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"GET /\r\n\r\n", HTTP_BAD_REQUEST},
    {"GET / \r\n\r\n", HTTP_BAD_REQUEST},
    {"\r\n\r\nGET / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"\nGET / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"G(T / HTTP/1.1\r\n", HTTP_BAD_REQUEST},
    {"\x16\x03\x01\x02\x00\x01", HTTP_BAD_REQUEST}, /* TLS on the plain port */
    {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", HTTP_BAD_REQUEST},
    {"GET /\x01 HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET /a\tb HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET /\x7f HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET /a#b HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET /?a#b HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET b/k HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"OPTIONS * HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"CONNECT h:80 HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET http:///k HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET http://u@h/k HTTP/1.1\r\n", HTTP_INVALID_URI},
    {"GET ftp://h/k HTTP/1.1\r\n", HTTP_INVALID_URI},
    /* hosts */
    {"GET / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "Host: h\r\n\r\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP_BAD_REQUEST},
    {"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", HTTP_BAD_REQUEST},
    {"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HTTP_BAD_REQUEST},
    /* statement 13 */
    {PUT "Content-Length:\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: -1\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: +1\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: 0x10\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: 1 2\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: 1, 1\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: ten\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: 9223372036854775808\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: 18446744073709551617\r\n\r\n", HTTP_BAD_REQUEST},
    /* statement 17 */
    {PUT "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: identity\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_NOT_IMPLEMENTED},
    {PUT "Transfer-Encoding: chunked, chunked\r\n\r\n", HTTP_NOT_IMPLEMENTED},
    {PUT "Transfer-Encoding: xchunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: \"chunked\"\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding:\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: chunked, identity\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: chunked,\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding: gzip,chunked\r\nContent-Length: 3\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding:\x0b"
         "chunked\r\n\r\n",
     HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding : chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding\t: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "Transfer-Encoding\n: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "X: y\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "X: y\rTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {PUT "X: y\r\n Transfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    {"PUT /b/k HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_BAD_REQUEST},
    /* other fields */
    {"GET / HTTP/1.1\r\n Host: h\r\n\r\n", HTTP_BAD_REQUEST},
    {GET ": x\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "novalue\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a b: x\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a\xc3\xa4: x\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a: x\x01y\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a: x\x7fy\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a: x\ny\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a: x\ry\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a: x\r\r\n\r\n", HTTP_BAD_REQUEST},
    {GET "a: x\n\n", HTTP_BAD_REQUEST},
    {GET "\rx", HTTP_BAD_REQUEST},
};

START_TEST(refuses)
{
    ck_assert_msg(parse(span_from_string(refused[_i].text)) == HTTP_PARSE_FAILED, "accepted: %s", refused[_i].text);
    ck_assert_str_eq(error.code, refused[_i].code);
    ck_assert(error.message[0] != 0);
}
END_TEST

/* However the bytes are cut, a refusal is never taken back and nothing is read that should be refused. */
START_TEST(refuses_at_every_boundary)
{
    struct span whole = span_from_string(refused[_i].text);
    bool failed = false;
    for (size_t size = 0; size <= whole.size; size++) {
        enum http_parse outcome = parse(span_take(whole, size));
        ck_assert(outcome != HTTP_PARSE_DONE);
        ck_assert_msg(!failed || outcome == HTTP_PARSE_FAILED, "%s", refused[_i].text);
        failed |= outcome == HTTP_PARSE_FAILED;
    }
    ck_assert(failed);
}
END_TEST

START_TEST(wants_more_at_every_boundary)
{
    static const char text[] = "\r\nPUT http://h:1/b/key?x-id=PutObject HTTP/1.1\r\nHost: h:1\r\nContent-Length: 12\r\n"
                               "x-amz-meta-long: 0123456789 0123456789\t0123456789 \r\nExpect: 100-continue\r\n\r\n";
    static const char body[] = "GET /smuggled HTTP/1.1\r\n\r\n";
    for (size_t size = 0; size < sizeof text - 1; size++)
        ck_assert_msg(parse(span_of(text, size)) == HTTP_PARSE_MORE, "at %zu: %s", size, error.message);
    char both[sizeof text + sizeof body];
    for (size_t extra = 0; extra < sizeof body; extra++) {
        (void)snprintf(both, sizeof both, "%s%.*s", text, (int)extra, body);
        ck_assert(parse(span_from_string(both)) == HTTP_PARSE_DONE);
        ck_assert_uint_eq(head_size, sizeof text - 1);
        ck_assert(head.content_length == 12 && head.expects_continue && span_is(head.method, "PUT"));
    }
}
END_TEST

/* A request line of `line` bytes (without CRLF) and a header section of `section` bytes (without the empty line). */
static enum http_parse parse_sized(size_t line, size_t section)
{
    static char text[64 << 10];
    static const char host[] = "Host: h\r\n";
    size_t target = line - strlen("GET  HTTP/1.1");
    size_t size = (size_t)sprintf(text, "GET /");
    memset(text + size, 'a', target - 1);
    size += target - 1;
    size += (size_t)sprintf(text + size, " HTTP/1.1\r\n%sx: ", host);
    size_t value = section - strlen(host) - strlen("x: \r\n");
    memset(text + size, 'v', value);
    size += value;
    size += (size_t)sprintf(text + size, "\r\n\r\n");
    enum http_parse outcome = parse(span_of(text, size));
    for (size_t cut = 0; outcome == HTTP_PARSE_DONE && cut < size; cut += 97)
        ck_assert(parse(span_of(text, cut)) == HTTP_PARSE_MORE);
    return parse(span_of(text, size));
}

START_TEST(bounds) /* statement 18 */
{
    ck_assert(parse_sized(100, HTTP_HEADER_SECTION_BYTES_MAX) == HTTP_PARSE_DONE);
    ck_assert(parse_sized(100, HTTP_HEADER_SECTION_BYTES_MAX + 1) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_SECTION_TOO_LARGE);
    ck_assert(parse_sized(100, 30000) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_SECTION_TOO_LARGE);
    ck_assert(parse_sized(HTTP_REQUEST_LINE_BYTES_MAX, HTTP_HEADER_SECTION_BYTES_MAX) == HTTP_PARSE_DONE);
    ck_assert(head_size <= HTTP_HEAD_BYTES_MAX);
    ck_assert(parse_sized(HTTP_REQUEST_LINE_BYTES_MAX + 32, 100) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_INVALID_URI);
    ck_assert(parse_sized(40000, 100) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_INVALID_URI);
}
END_TEST

START_TEST(bounds_without_an_end)
{
    static char text[HTTP_HEAD_BYTES_MAX];
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    ck_assert(parse(span_of(text, sizeof text)) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_INVALID_URI);
    memcpy(text, GET "x: ", sizeof GET "x: " - 1);
    ck_assert(parse(span_of(text, sizeof text)) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_SECTION_TOO_LARGE);
    memcpy(text, GET "xyz", sizeof GET "xyz" - 1);
    ck_assert(parse(span_of(text, sizeof text)) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_SECTION_TOO_LARGE);
}
END_TEST

START_TEST(bounds_the_fields)
{
    static char text[8192];
    size_t size = (size_t)sprintf(text, GET);
    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        size += (size_t)sprintf(text + size, "f%d: %d\r\n", i, i);
    size_t full = size;
    size += (size_t)sprintf(text + size, "\r\n");
    ck_assert(parse(span_of(text, size)) == HTTP_PARSE_DONE);
    ck_assert_uint_eq(head.fields_count, HTTP_FIELDS_MAX);
    size = full + (size_t)sprintf(text + full, "one: more\r\n\r\n");
    ck_assert(parse(span_of(text, size)) == HTTP_PARSE_FAILED);
    ck_assert_str_eq(error.code, HTTP_SECTION_TOO_LARGE);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("head");
    tcase_add_test(tcase, reads_a_request);
    tcase_add_test(tcase, finds_fields_without_case);
    tcase_add_test(tcase, names_are_tokens);
    tcase_add_test(tcase, reads_the_framing);
    tcase_add_test(tcase, reads_expect_and_connection);
    tcase_add_test(tcase, reads_targets);
    tcase_add_loop_test(tcase, refuses, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_loop_test(tcase, refuses_at_every_boundary, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_test(tcase, wants_more_at_every_boundary);
    tcase_add_test(tcase, bounds);
    tcase_add_test(tcase, bounds_without_an_end);
    tcase_add_test(tcase, bounds_the_fields);
    Suite *suite = suite_create("http head");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
