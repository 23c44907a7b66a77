/* tests/unit/s3/range_test.c -- section I: which bytes a Range header asks for. */
#include "server/s3/request/range.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

struct range_case {
    const char *header;
    uint64_t total;
    enum range_verdict verdict;
    uint64_t first;
    uint64_t size;
};

static const struct range_case cases[] = {
    {"bytes=0-9", 100, RANGE_PART, 0, 10},                                             /* statement 156 */
    {"bytes=90-", 100, RANGE_PART, 90, 10},                                            /* 157 */
    {"bytes=-10", 100, RANGE_PART, 90, 10},                                            /* 158 */
    {"bytes=-200", 100, RANGE_PART, 0, 100},                                           /* 159 */
    {"bytes=-0", 100, RANGE_UNSATISFIABLE, 0, 0},                                      /* 160 */
    {"bytes=50-1000", 100, RANGE_PART, 50, 50},                                        /* 161 */
    {"bytes=100-100", 100, RANGE_UNSATISFIABLE, 0, 0},                                 /* 162 */
    {"bytes=100-110", 100, RANGE_UNSATISFIABLE, 0, 0},                                 /* 162 */
    {"bytes=100-", 100, RANGE_UNSATISFIABLE, 0, 0},                                    /* 162 */
    {"bytes=0-0", 0, RANGE_UNSATISFIABLE, 0, 0},                                       /* 164 */
    {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},                                        /* 164 */
    {"bytes=-5", 0, RANGE_WHOLE, 0, 0},                                                /* 354 */
    {"bytes=-0", 0, RANGE_UNSATISFIABLE, 0, 0},                                        /* 160 */
    {"", 100, RANGE_WHOLE, 0, 0},                                                      /* no header */
    {"bytes=10-5", 100, RANGE_WHOLE, 0, 0},                                            /* 165 */
    {"bytes=abc", 100, RANGE_WHOLE, 0, 0},                                             /* 165 */
    {"bytes=,", 100, RANGE_WHOLE, 0, 0},                                               /* 165 */
    {"bytes=--1", 100, RANGE_WHOLE, 0, 0},                                             /* 165 */
    {"bytes=0--1", 100, RANGE_WHOLE, 0, 0},                                            /* 165 */
    {"bytes= -1", 100, RANGE_WHOLE, 0, 0},                                             /* 165 */
    {"bytes=0 -1", 100, RANGE_WHOLE, 0, 0},                                            /* 165 */
    {"foo=0-1", 100, RANGE_WHOLE, 0, 0},                                               /* 165 */
    {"bytes=100-x", 100, RANGE_WHOLE, 0, 0},                                           /* 165 */
    {"bytes=", 100, RANGE_WHOLE, 0, 0},                                                /* 165 */
    {"bytes=-", 100, RANGE_WHOLE, 0, 0},                                               /* 165 */
    {"bytes=0-0,1-2", 100, RANGE_WHOLE, 0, 0},                                         /* 166 */
    {"bytes=00-01", 100, RANGE_PART, 0, 2},                                            /* 167 */
    {"bytes=18446744073709551616-", 100, RANGE_UNSATISFIABLE, 0, 0},                   /* 168 */
    {"bytes=9223372036854775808-9223372036854775809", 100, RANGE_UNSATISFIABLE, 0, 0}, /* 168 */
    {"bytes=5-99999999999999999999999", 100, RANGE_PART, 5, 95},                       /* 168 */
    {"bytes=0-18446744073709551615", UINT64_MAX, RANGE_PART, 0, UINT64_MAX},           /* 168 */
    {"bytes=-99999999999999999999999", 100, RANGE_PART, 0, 100},                       /* 168 */
    {"bytes=99-99", 100, RANGE_PART, 99, 1},                                           /* 172 */
};

START_TEST(resolves)
{
    const struct range_case *want = &cases[_i];
    uint64_t first = 0;
    uint64_t size = 0;
    enum range_verdict verdict = range_resolve(span_from_string(want->header), want->total, &first, &size);
    ck_assert_msg(verdict == want->verdict, "%s: verdict %d", want->header, verdict);
    if (verdict == RANGE_PART) {
        ck_assert_msg(first == want->first && size == want->size, "%s: %lu + %lu", want->header, first, size);
    }
}
END_TEST

START_TEST(formats_content_range)
{
    char text[CONTENT_RANGE_BYTES];
    range_format(0, 10, 100, text);
    ck_assert_str_eq(text, "bytes 0-9/100");
    range_format(0, 0, 100, text); /* statement 163 */
    ck_assert_str_eq(text, "bytes */100");
    range_format(UINT64_MAX - 1, 1, UINT64_MAX, text);
    ck_assert_str_eq(text, "bytes 18446744073709551614-18446744073709551614/18446744073709551615");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3-range");
    TCase *tests = tcase_create("range");
    tcase_add_loop_test(tests, resolves, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(tests, formats_content_range);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
