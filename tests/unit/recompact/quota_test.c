/* tests/unit/recompact/quota_test.c -- a cgroup's files as they are, and as they should not be. */
#include "server/recompact/quota.h"
#include "tests/unit/run_suite.h"

START_TEST(limits)
{
    struct quota quota = {0};
    ck_assert(quota_parse_limit(SPAN("150000 100000\n"), &quota));
    ck_assert(quota.has_limit);
    ck_assert_uint_eq(quota.limit_us, 150000);
    ck_assert_uint_eq(quota.period_us, 100000);
    ck_assert(quota_parse_limit(SPAN("max 100000\n"), &quota));
    ck_assert(!quota.has_limit);
    static const char *const wrong[] = {"",         "\n",         "max",         "100000",
                                        "100000 0", "1e5 100000", "100000 many", "-1 100000"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!quota_parse_limit(span_from_string(wrong[i]), &quota), "%s", wrong[i]);
}
END_TEST

START_TEST(usage)
{
    struct quota quota = {0};
    ck_assert(quota_parse_usage(SPAN("usage_usec 77\nuser_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 8\n"),
                                &quota));
    ck_assert_uint_eq(quota.used_us, 77);
    ck_assert_uint_eq(quota.throttled, 3);
    ck_assert(quota_parse_usage(SPAN("usage_usec 78"), &quota)); /* of a group without a quota there is no more */
    ck_assert_uint_eq(quota.throttled, 0);
    ck_assert(!quota_parse_usage(SPAN("user_usec 5\n"), &quota));
    ck_assert(!quota_parse_usage(SPAN("usage_usec x\n"), &quota));
    ck_assert(!quota_parse_usage(SPAN("usage_usec 1\nnr_throttled \n"), &quota));
}
END_TEST

START_TEST(pressure)
{
    const struct quota before = {true, 100000, 100000, 1000000, 5};
    struct quota now = before;
    now.used_us += 499999; /* of a second, of which all may be used */
    ck_assert(!quota_is_pressed(&before, &now, 1000000));
    now.used_us += 2;
    ck_assert(quota_is_pressed(&before, &now, 1000000));
    now = before;
    now.throttled++;
    ck_assert(quota_is_pressed(&before, &now, 1000000));
    now.has_limit = false;
    ck_assert(!quota_is_pressed(&before, &now, 1000000));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recompact quota");
    TCase *all = tcase_create("all");
    tcase_add_test(all, limits);
    tcase_add_test(all, usage);
    tcase_add_test(all, pressure);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
