/* tests/unit/runtime/log_test.c -- lines stay lines; none is lost uncounted, none is torn, nobody waits. */
#include "runtime/log/log.h"

#include "runtime/base/clock.h"
#include "runtime/log/log_line.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WALL_MS = 1234 };

static struct log_line line;

static const char *build(enum log_format format, struct span text)
{
    static char copy[LOG_LINE_BYTES_MAX + 1];
    const struct log_field fields[] = {
        {.name = "status", .kind = LOG_FIELD_NUMBER, .number = 200},
        {.name = "key", .kind = LOG_FIELD_TEXT, .text = text},
    };
    struct span built = log_line_build(&line, format, WALL_MS, LOG_INFO, "request", fields, 2);
    ck_assert(built.size < sizeof copy);
    memcpy(copy, built.data, built.size);
    copy[built.size] = 0;
    return copy;
}

#define TEXT_START "1970-01-01T00:00:01.234Z info request status=200 key="
#define JSON_START \
    "{\"time\":\"1970-01-01T00:00:01.234Z\",\"level\":\"info\",\"event\":\"request\",\"status\":200,\"key\":"

static const struct {
    struct span value;
    const char *text;
    const char *json;
} escaped[] = {
    {{(const uint8_t *)"a/b.txt", 7}, "a/b.txt", "\"a/b.txt\""},
    {{NULL, 0}, "\"\"", "\"\""},
    {{(const uint8_t *)"a b", 3}, "\"a b\"", "\"a b\""},
    {{(const uint8_t *)"a=b", 3}, "\"a=b\"", "\"a=b\""},
    {{(const uint8_t *)"a\"b\\c", 5}, "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""},
    {{(const uint8_t *)"a\nb\rc\td", 7}, "\"a\\nb\\rc\\td\"", "\"a\\nb\\rc\\td\""},
    {{(const uint8_t *)"\0\x1b[2J\x7f", 6}, "\"\\x00\\x1b[2J\\x7f\"", "\"\\u0000\\u001b[2J\\u007f\""},
    {{(const uint8_t *)"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9},
     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
     "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
    {{(const uint8_t *)"\xff\xc3", 2}, "\"\\xff\\xc3\"", "\"\\ufffd\\ufffd\""},
    {{(const uint8_t *)"\xc2\x85", 2}, "\"\\xc2\\x85\"", "\"\\ufffd\\ufffd\""}, /* C1: next line */
    {{(const uint8_t *)"\xc0\xaf", 2}, "\"\\xc0\\xaf\"", "\"\\ufffd\\ufffd\""}, /* overlong */
    {{(const uint8_t *)"\xed\xa0\x80", 3}, "\"\\xed\\xa0\\x80\"", "\"\\ufffd\\ufffd\\ufffd\""},
};

START_TEST(escapes)
{
    char expected[512];
    (void)snprintf(expected, sizeof expected, TEXT_START "%s\n", escaped[_i].text);
    ck_assert_str_eq(build(LOG_TEXT, escaped[_i].value), expected);
    (void)snprintf(expected, sizeof expected, JSON_START "%s}\n", escaped[_i].json);
    ck_assert_str_eq(build(LOG_JSON, escaped[_i].value), expected);
}
END_TEST

START_TEST(cuts_what_is_too_long)
{
    static uint8_t bytes[3 * LOG_LINE_BYTES_MAX];
    static const uint8_t fills[] = {'a', 1, 0xff, '"', ' '};
    for (size_t fill = 0; fill < sizeof fills; fill++) {
        memset(bytes, fills[fill], sizeof bytes);
        for (size_t size = LOG_LINE_BYTES_MAX / 7; size < LOG_LINE_BYTES_MAX + 64; size++) {
            const char *built = build(LOG_JSON, span_of(bytes, size));
            ck_assert_str_eq(built + strlen(built) - 3, "\"}\n");
            built = build(LOG_TEXT, span_of(bytes, size));
            ck_assert(strchr(built, '\n') == built + strlen(built) - 1);
        }
    }
}
END_TEST

START_TEST(leaves_out_fields_without_room)
{
    static uint8_t bytes[LOG_LINE_BYTES_MAX];
    memset(bytes, 'a', sizeof bytes);
    struct log_field fields[40];
    for (int i = 0; i < 40; i++)
        fields[i] = (struct log_field){.name = "field_with_a_name", .text = span_of(bytes, (size_t)(i * 37))};
    struct span built = log_line_build(&line, LOG_JSON, WALL_MS, LOG_ERROR, "e", fields, 40);
    ck_assert(built.size <= LOG_LINE_BYTES_MAX);
    ck_assert(span_ends_with(built, SPAN("\"}\n")));
}
END_TEST

START_TEST(formats_numbers)
{
    struct log_field fields[] = {
        {.name = "a", .kind = LOG_FIELD_NUMBER, .number = INT64_MIN},
        {.name = "b", .kind = LOG_FIELD_NUMBER, .number = INT64_MAX},
        {.name = "c", .kind = LOG_FIELD_NUMBER, .number = 0},
    };
    struct span built = log_line_build(&line, LOG_TEXT, 1767225599999, LOG_DEBUG, "e", fields, 3);
    ck_assert(span_equal(built, SPAN("2025-12-31T23:59:59.999Z debug e a=-9223372036854775808 b=9223372036854775807 "
                                     "c=0\n")));
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 4, LINES = 20000 };

static void *write_many(void *argument)
{
    int thread = *(int *)argument;
    for (int i = 0; i < LINES; i++) {
        struct log_field fields[] = {
            {.name = "thread", .kind = LOG_FIELD_NUMBER, .number = thread},
            {.name = "line", .kind = LOG_FIELD_NUMBER, .number = i},
            {.name = "pad",
             .kind = LOG_FIELD_TEXT,
             .text = span_of("0123456789012345678901234567890123456789", (size_t)(i % 41))},
        };
        log_write(LOG_INFO, "test", fields, 3);
    }
    return NULL;
}

struct tally {
    FILE *from;
    uint64_t lines;
    uint64_t dropped_told;
    int last[THREADS];
};

static void *count_lines(void *argument)
{
    struct tally *tally = argument;
    char text[512];
    while (fgets(text, sizeof text, tally->from) != NULL) {
        int thread;
        int number;
        long count;
        char pad[64];
        if (sscanf(text + 24, " warning log_dropped count=%ld", &count) == 1) {
            tally->dropped_told += (uint64_t)count;
            continue;
        }
        ck_assert_msg(sscanf(text + 24, " info test thread=%d line=%d pad=%63s", &thread, &number, pad) == 3, "%s",
                      text);
        ck_assert(thread >= 0 && thread < THREADS && number > tally->last[thread]); /* in order, none twice */
        ck_assert_uint_eq(number % 41 == 0 ? 2 : number % 41, strlen(pad));
        tally->last[thread] = number;
        tally->lines++;
    }
    return NULL;
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        ck_assert(pthread_create(&threads[i], NULL, write_many, &numbers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
}

START_TEST(loses_nothing_uncounted)
{
    struct error error;
    for (int round = 1; round <= 3; round++) { /* rings of ended threads are used again */
        int ends[2];
        ck_assert(pipe(ends) == 0);
        uint64_t dropped_before = log_dropped();
        struct tally tally = {.from = fdopen(ends[0], "r"), .last = {-1, -1, -1, -1}};
        pthread_t reader;
        ck_assert(log_start(ends[1], LOG_TEXT, LOG_INFO, &error));
        ck_assert(pthread_create(&reader, NULL, count_lines, &tally) == 0);
        run_threads();
        log_write(LOG_DEBUG, "hidden", NULL, 0);
        log_stop();
        (void)close(ends[1]);
        (void)pthread_join(reader, NULL);
        uint64_t dropped = log_dropped() - dropped_before;
        ck_assert_uint_eq(tally.lines + dropped, (uint64_t)THREADS * LINES);
        ck_assert_uint_eq(tally.dropped_told, dropped);
        ck_assert(tally.lines > 0);
        (void)fclose(tally.from);
    }
}
END_TEST

START_TEST(never_waits_for_a_reader)
{
    struct error error;
    int ends[2];
    ck_assert(pipe(ends) == 0);
    ck_assert(log_start(ends[1], LOG_TEXT, LOG_INFO, &error));
    struct tally tally = {.from = fdopen(ends[0], "r"), .last = {-1, -1, -1, -1}};
    uint64_t started = clock_monotonic_ns(clock_system());
    run_threads(); /* nobody reads */
    ck_assert(clock_monotonic_ns(clock_system()) - started < UINT64_C(60000000000));
    ck_assert(log_dropped() > 0);
    pthread_t reader;
    ck_assert(pthread_create(&reader, NULL, count_lines, &tally) == 0);
    log_stop();
    (void)close(ends[1]);
    (void)pthread_join(reader, NULL);
    ck_assert_uint_eq(tally.lines + log_dropped(), (uint64_t)THREADS * LINES);
    ck_assert_uint_eq(tally.dropped_told, log_dropped());
    (void)fclose(tally.from);
}
END_TEST

START_TEST(survives_a_descriptor_that_fails)
{
    struct error error;
    int ends[2];
    ck_assert(pipe(ends) == 0);
    (void)close(ends[0]);
    ck_assert(log_start(ends[1], LOG_JSON, LOG_INFO, &error));
    for (int i = 0; i < 100; i++)
        log_message(LOG_INFO, "line %d", i);
    log_stop();
    ck_assert_uint_eq(log_dropped(), 100);
    (void)close(ends[1]);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    TCase *tcase = tcase_create("log");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, escapes, 0, (int)(sizeof escaped / sizeof *escaped));
    tcase_add_test(tcase, cuts_what_is_too_long);
    tcase_add_test(tcase, leaves_out_fields_without_room);
    tcase_add_test(tcase, formats_numbers);
    tcase_add_test(tcase, loses_nothing_uncounted);
    tcase_add_test(tcase, never_waits_for_a_reader);
    tcase_add_test(tcase, survives_a_descriptor_that_fails);
    Suite *suite = suite_create("log");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
