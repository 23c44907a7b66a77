/* tests/unit/s3/token_test.c -- continuation tokens come back as what they were, or not at all (statements 240, 241).
 */
#include "server/s3/list/continuation_token.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static struct buffer write_token(enum token_kind kind, struct span position)
{
    struct buffer token;
    buffer_init(&token, 0);
    continuation_token_write(kind, position, &token);
    return token;
}

START_TEST(positions_come_back)
{
    uint8_t position[TOKEN_POSITION_BYTES_MAX];
    uint8_t read[TOKEN_POSITION_BYTES_MAX];
    size_t size;
    for (size_t i = 0; i < sizeof position; i++)
        position[i] = (uint8_t)(i * 7 + (unsigned)_i);
    struct span want = span_of(position, (size_t)_i);
    struct buffer token = write_token(TOKEN_OBJECTS, want);
    ck_assert(continuation_token_read(TOKEN_OBJECTS, buffer_span(&token), read, &size));
    ck_assert(span_equal(want, span_of(read, size)));
    for (size_t i = 0; i < token.size; i++) /* nothing that a URL or XML would have to escape */
        ck_assert_msg(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", token.data[i]) != NULL,
                      "byte %u", token.data[i]);
    buffer_free(&token);
}
END_TEST

START_TEST(every_change_is_noticed)
{
    uint8_t read[TOKEN_POSITION_BYTES_MAX];
    size_t size;
    struct buffer token = write_token(TOKEN_OBJECTS, SPAN("photos/2006/January/sample.jpg"));
    for (size_t i = 0; i < token.size; i++) {
        uint8_t kept = token.data[i];
        token.data[i] = kept == 'A' ? 'B' : 'A';
        ck_assert_msg(!continuation_token_read(TOKEN_OBJECTS, buffer_span(&token), read, &size), "byte %zu", i);
        token.data[i] = kept;
        ck_assert(!continuation_token_read(TOKEN_OBJECTS, span_take(buffer_span(&token), i), read, &size));
    }
    ck_assert(continuation_token_read(TOKEN_OBJECTS, buffer_span(&token), read, &size));
    buffer_free(&token);
}
END_TEST

START_TEST(foreign_tokens_are_refused)
{
    uint8_t read[TOKEN_POSITION_BYTES_MAX];
    static uint8_t long_token[4096];
    size_t size;
    memset(long_token, 'A', sizeof long_token);
    ck_assert(!continuation_token_read(TOKEN_OBJECTS, SPAN_EMPTY, read, &size));
    ck_assert(!continuation_token_read(TOKEN_OBJECTS, SPAN("invalid"), read, &size));
    ck_assert(!continuation_token_read(TOKEN_OBJECTS, SPAN("a/key"), read, &size));
    ck_assert(!continuation_token_read(TOKEN_OBJECTS, SPAN("===="), read, &size));
    ck_assert(!continuation_token_read(TOKEN_OBJECTS, SPAN("\xff\xff\xff\xff\xff\xff\xff\xff"), read, &size));
    for (size_t length = 1300; length < sizeof long_token; length++)
        ck_assert(!continuation_token_read(TOKEN_OBJECTS, span_of(long_token, length), read, &size));
    struct buffer token = write_token(TOKEN_BUCKETS, SPAN("bucket"));
    ck_assert(!continuation_token_read(TOKEN_OBJECTS, buffer_span(&token), read, &size));
    buffer_free(&token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3-token");
    TCase *tests = tcase_create("token");
    tcase_add_loop_test(tests, positions_come_back, 0, 12);
    tcase_add_loop_test(tests, positions_come_back, TOKEN_POSITION_BYTES_MAX - 3, TOKEN_POSITION_BYTES_MAX + 1);
    tcase_add_test(tests, every_change_is_noticed);
    tcase_add_test(tests, foreign_tokens_are_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
