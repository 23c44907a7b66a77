/* tests/unit/wire/test_chunked.c -- chunked bodies cut at every place, and those that are refused. */
#include "s3client/wire/chunked.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct error error;

/* Feeds `text` in pieces of `piece` bytes; the body goes to ret_body, what follows it is returned. False: refused. */
static bool read_all(struct chunked_reader *reader, const char *text, size_t size, size_t piece, char *ret_body,
                     size_t *ret_rest)
{
    size_t written = 0;
    size_t at = 0;
    while (at < size && !chunked_reader_is_done(reader)) {
        size_t part = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(part); /* of its exact size, for sanitizers */
        memcpy(copy, text + at, part);
        struct span input = span_of(copy, part);
        while (input.size > 0 && !chunked_reader_is_done(reader)) {
            struct span data;
            if (!chunked_reader_feed(reader, &input, &data, &error)) {
                free(copy);
                return false;
            }
            if (data.size > 0)
                memcpy(ret_body + written, data.data, data.size);
            written += data.size;
        }
        at += part - input.size;
        free(copy);
    }
    ret_body[written] = 0;
    *ret_rest = size - at;
    return true;
}

static const struct {
    const char *text;
    const char *body;
    size_t rest;
} accepted[] = {
    {"0\r\n\r\n", "", 0},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", 0},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello world", 16},
    {"A\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n\r\n", "01234567890123456789", 2},
    {"0005;name=value;x=\"a b\"\r\nhello\r\n0;last\r\n\r\n", "hello", 0},
    {"5 \t;x\r\nhello\r\n0\r\n\r\n", "hello", 0},
    {"4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", 0},
    {"1\r\na\r\n0\r\nTrailer: x\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n", "a", 0},
};

START_TEST(reads)
{
    const char *text = accepted[_i].text;
    size_t size = strlen(text);
    for (size_t piece = 1; piece <= size; piece++) {
        struct chunked_reader reader;
        char body[128];
        size_t rest;
        chunked_reader_init(&reader);
        ck_assert_msg(read_all(&reader, text, size, piece, body, &rest), "%s at %zu", text, piece);
        ck_assert(chunked_reader_is_done(&reader));
        ck_assert_str_eq(body, accepted[_i].body);
        ck_assert_uint_eq(rest, accepted[_i].rest);
    }
    for (size_t cut = 0; cut < size - accepted[_i].rest; cut++) { /* not finished before its last byte */
        struct chunked_reader reader;
        char body[128];
        size_t rest;
        chunked_reader_init(&reader);
        ck_assert(read_all(&reader, text, cut, size, body, &rest));
        ck_assert(!chunked_reader_is_done(&reader) && rest == 0);
    }
}
END_TEST

static const char *const refused[] = {
    "\r\n0\r\n\r\n",
    "g\r\n",
    "0x5\r\nhello\r\n",
    "+5\r\nhello\r\n",
    "-5\r\nhello\r\n",
    " 5\r\nhello\r\n",
    "5 \r\nhello\r\n",
    "5\nhello\n0\n\n",
    "5\rhello",
    "5_0\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\r\nhello!\r\n0\r\n\r\n",
    "8000000000000000\r\n",
    "10000000000000005\r\nhello",
    ";x\r\n",
    "5;a\x01\r\nhello",
    "5;a\nhello",
    "5;a\r\r\nhello",
    "0\r\n folded: x\r\n\r\n",
    "0\r\na: b\n\r\n",
    "0\r\na: b\r\rc",
    "0\r\n\rx",
    "0\r\n\n",
};

START_TEST(refuses)
{
    size_t size = strlen(refused[_i]);
    for (size_t piece = 1; piece <= size; piece++) {
        struct chunked_reader reader;
        char body[128];
        size_t rest;
        chunked_reader_init(&reader);
        ck_assert_msg(!read_all(&reader, refused[_i], size, piece, body, &rest), "%s", refused[_i]);
        ck_assert_str_eq(error.code, "IncompleteBody");
    }
}
END_TEST

static bool feed_repeated(const char *start, const char *repeated, size_t count)
{
    static char text[64 << 10];
    static char body[64 << 10];
    size_t size = (size_t)sprintf(text, "%s", start);
    for (size_t i = 0; i < count; i++)
        size += (size_t)sprintf(text + size, "%s", repeated);
    struct chunked_reader reader;
    size_t rest;
    chunked_reader_init(&reader);
    return read_all(&reader, text, size, size, body, &rest);
}

START_TEST(bounds_what_it_ignores)
{
    ck_assert(feed_repeated("5;", "x", CHUNKED_LINE_BYTES_MAX - 2));
    ck_assert(!feed_repeated("5;", "x", CHUNKED_LINE_BYTES_MAX - 1));
    ck_assert(!feed_repeated("", "0", CHUNKED_LINE_BYTES_MAX + 1));
    ck_assert(feed_repeated("0\r\n", "a: b\r\n", 1000));
    ck_assert(!feed_repeated("0\r\n", "a: b\r\n", CHUNKED_TRAILER_BYTES_MAX / 6 + 1));
    ck_assert(feed_repeated("", "1\r\nx\r\n", 5000)); /* each line has its own bound */
}
END_TEST

START_TEST(lets_data_pass_beside_it)
{
    struct chunked_reader reader;
    chunked_reader_init(&reader);
    ck_assert_uint_eq(chunked_reader_data_ahead(&reader), 0);
    struct span input = SPAN("10\r\nabc");
    struct span data;
    ck_assert(chunked_reader_feed(&reader, &input, &data, &error) && data.size == 3 && input.size == 0);
    ck_assert_uint_eq(chunked_reader_data_ahead(&reader), 13);
    chunked_reader_skip(&reader, 12);
    ck_assert_uint_eq(chunked_reader_data_ahead(&reader), 1);
    chunked_reader_skip(&reader, 1);
    ck_assert_uint_eq(chunked_reader_data_ahead(&reader), 0);
    input = SPAN("\r\n0\r\n\r\n");
    ck_assert(chunked_reader_feed(&reader, &input, &data, &error) && data.size == 0);
    ck_assert(chunked_reader_is_done(&reader));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("chunked");
    tcase_add_loop_test(tcase, reads, 0, (int)(sizeof accepted / sizeof *accepted));
    tcase_add_loop_test(tcase, refuses, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_test(tcase, bounds_what_it_ignores);
    tcase_add_test(tcase, lets_data_pass_beside_it);
    Suite *suite = suite_create("http chunked");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
