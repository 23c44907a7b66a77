/* tests/unit/remote/page_test.c -- what of the backend's lists clients see, and where they go on. */
#include "store/remote/lists/page.h"

#include "store/remote/names.h"
#include "tests/unit/run_suite.h"

static enum listed_fate fate(const char *key, bool is_prefix, const char *after, const char *last)
{
    const struct listed listed = {.key = span_from_string(key), .is_prefix = is_prefix};
    return listed_decide(&listed, span_from_string(after), span_from_string(last));
}

START_TEST(keys)
{
    ck_assert_int_eq(fate("a", false, "", ""), LISTED_SHOWN);
    ck_assert_int_eq(fate(".bale", false, "", ""), LISTED_SHOWN);
    ck_assert_int_eq(fate(".bale/backend", false, "", ""), LISTED_HIDDEN);
    ck_assert_int_eq(fate(".s4dict/0123", false, "", ""), LISTED_HIDDEN);
    ck_assert_int_eq(fate(".s4mpu/x/1", false, "", ""), LISTED_HIDDEN);
    ck_assert_int_eq(fate("a.s4index", false, "", ""), LISTED_HIDDEN);
    ck_assert_int_eq(fate("a.s4index2", false, "", ""), LISTED_SHOWN);
    ck_assert_int_eq(fate("x/.bale/y", false, "", ""), LISTED_SHOWN);
}
END_TEST

START_TEST(common_prefixes)
{
    ck_assert_int_eq(fate("a/", true, "", ""), LISTED_SHOWN);
    ck_assert_int_eq(fate("a/", true, "a/", ""), LISTED_HIDDEN); /* the client has seen it */
    ck_assert_int_eq(fate("a/", true, "a/b", ""), LISTED_SHOWN);
    ck_assert_int_eq(fate("a/", true, "", "a/"), LISTED_HIDDEN); /* it came on the page before */
    ck_assert_int_eq(fate(".bale/", true, "", ""), LISTED_HIDDEN);
    ck_assert_int_eq(fate(".bale/mpu/", true, "", ""), LISTED_HIDDEN);
    ck_assert_int_eq(fate(".", true, "", ""), LISTED_DOUBTFUL); /* delimiters of all kinds */
    ck_assert_int_eq(fate(".b", true, "", ""), LISTED_DOUBTFUL);
    ck_assert_int_eq(fate(".s4", true, "", ""), LISTED_DOUBTFUL);
    ck_assert_int_eq(fate("a.s4index", true, "", ""), LISTED_DOUBTFUL);
    ck_assert_int_eq(fate(".c", true, "", ""), LISTED_SHOWN);
}
END_TEST

static void expect_behind(const char *key, bool is_prefix, const char *expected)
{
    struct buffer after = {0};
    const struct listed listed = {.key = span_from_string(key), .is_prefix = is_prefix};
    listed_behind(&listed, &after);
    ck_assert_msg(span_equal(buffer_span(&after), span_from_string(expected)), "%s", key);
    buffer_free(&after);
}

START_TEST(going_on)
{
    expect_behind("a/b", false, "a/b");
    expect_behind("a/", true, "a/\xf4\x8f\xbf\xbf");
    expect_behind(".bale/mpu/0123/upload", false, ".bale/\xf4\x8f\xbf\xbf");
    ck_assert_uint_eq(listed_ask(10), 12);
    ck_assert_uint_eq(listed_ask(999), 1000);
    ck_assert_uint_eq(listed_ask(0), 2);
}
END_TEST

START_TEST(in_order)
{
    struct listed entries[] = {{.key = SPAN("b"), .source = 0},
                               {.key = SPAN("a/"), .is_prefix = true, .source = 1},
                               {.key = SPAN("a"), .source = 2}};
    listed_sort(entries, 3);
    ck_assert(entries[0].source == 2 && entries[1].source == 1 && entries[2].source == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote lists");
    TCase *cases = tcase_create("pages");
    tcase_add_test(cases, keys);
    tcase_add_test(cases, common_prefixes);
    tcase_add_test(cases, going_on);
    tcase_add_test(cases, in_order);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
