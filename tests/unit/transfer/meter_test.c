/* tests/unit/transfer/meter_test.c -- the rate of the last seconds, and the time that is left. */
#include "tests/unit/run_suite.h"
#include "tools/bale/transfer/meter.h"

#include <check.h>

#define SECOND UINT64_C(1000000000)

static void expect_line(const struct meter *meter, const char *expected)
{
    char text[METER_TEXT_BYTES];
    meter_format(meter, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(a_steady_rate_is_shown)
{
    struct meter meter = {.began_ns = SECOND, .last_ns = SECOND, .total_bytes = UINT64_C(100) << 20};
    expect_line(&meter, "0 B of 100.00 MiB  0 %  0 B/s  ? left");
    for (unsigned i = 1; i <= 5; i++) {
        meter.done_bytes = (uint64_t)i << 21;
        meter_measure(&meter, SECOND + i * SECOND / 5);
    }
    expect_line(&meter, "10.00 MiB of 100.00 MiB  10 %  10.00 MiB/s  9 s left");
    meter.total_bytes = UINT64_C(10) << 30;
    expect_line(&meter, "10.00 MiB of 10.00 GiB  0 %  10.00 MiB/s  17 min 3 s left");
    meter.total_bytes = UINT64_C(1) << 40;
    expect_line(&meter, "10.00 MiB of 1.00 TiB  0 %  10.00 MiB/s  29 h 7 min left");
    meter.total_bytes = 0;
    expect_line(&meter, "10.00 MiB  10.00 MiB/s");
}
END_TEST

START_TEST(the_rate_follows_a_change)
{
    struct meter meter = {.began_ns = SECOND, .last_ns = SECOND};
    meter.done_bytes = 1000000;
    meter_measure(&meter, 2 * SECOND);
    ck_assert_double_eq_tol(meter.rate, 1e6, 1);
    for (unsigned i = 3; i < 30; i++)
        meter_measure(&meter, i * SECOND); /* nothing comes any more */
    ck_assert_double_lt(meter.rate, 1e3);
    meter_measure(&meter, 29 * SECOND); /* no time has passed */
    ck_assert_double_lt(meter.rate, 1e3);
}
END_TEST

START_TEST(more_than_all_is_all)
{
    struct meter meter = {.began_ns = SECOND, .last_ns = SECOND, .total_bytes = 10, .done_bytes = 20};
    meter_measure(&meter, 2 * SECOND);
    expect_line(&meter, "20 B of 10 B  100 %  20 B/s  0 s left");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transfer-meter");
    TCase *tests = tcase_create("meter");
    tcase_add_test(tests, a_steady_rate_is_shown);
    tcase_add_test(tests, the_rate_follows_a_change);
    tcase_add_test(tests, more_than_all_is_all);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
