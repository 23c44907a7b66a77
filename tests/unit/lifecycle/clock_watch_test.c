/* tests/unit/lifecycle/clock_watch_test.c -- clocks that were set, and clocks that are years ahead. */
#include "server/lifecycle/clock_watch.h"
#include "tests/unit/run_suite.h"

static const int64_t HOUR_MS = INT64_C(3600) * 1000;
static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;
static const int64_t NOW_MS = INT64_C(1700000000000);

static struct clock_watch watch;

/* The wall clock so much ahead, so long after the start. */
static enum clock_trouble look(int64_t ahead_ms, int64_t after_ms, int64_t believed_ms)
{
    return clock_watch_look(&watch, NOW_MS + after_ms + ahead_ms, (uint64_t)after_ms * 1000000, believed_ms);
}

START_TEST(a_clock_that_goes_is_right)
{
    watch = (struct clock_watch){0};
    for (int64_t minute = 0; minute < 100; minute++) /* it drifts, and a little is set now and then */
        ck_assert_int_eq(look(minute * 59000, minute * 60000, NOW_MS - DAY_MS), CLOCK_IS_RIGHT);
}
END_TEST

START_TEST(a_clock_that_was_set_is_held_until_it_is_steady)
{
    watch = (struct clock_watch){0};
    static const int64_t steps[] = {3600001, -3600001, 400 * INT64_C(86400000)};
    int64_t ahead_ms = 0;
    int64_t after_ms = 2 * DAY_MS;
    ck_assert_int_eq(look(0, after_ms, 0), CLOCK_IS_RIGHT);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        ahead_ms += steps[i];
        after_ms += 1000;
        ck_assert_int_eq(look(ahead_ms, after_ms, 0), CLOCK_WAS_SET);
        ck_assert_int_eq(look(ahead_ms, after_ms + DAY_MS - 1, 0), CLOCK_WAS_SET);
        after_ms += DAY_MS;
        ck_assert_int_eq(look(ahead_ms, after_ms, 0), CLOCK_IS_RIGHT);
    }
    ck_assert_int_eq(look(ahead_ms + HOUR_MS, after_ms + 1000, 0), CLOCK_IS_RIGHT); /* an hour is no step */
    ck_assert_int_eq(look(0, after_ms + 2000, 0), CLOCK_WAS_SET);
    clock_watch_confirm(&watch);
    ck_assert_int_eq(look(0, after_ms + 3000, 0), CLOCK_IS_RIGHT);
}
END_TEST

START_TEST(a_start_that_is_long_after_the_last_is_held)
{
    watch = (struct clock_watch){0};
    ck_assert_int_eq(look(0, 5000, NOW_MS - 36 * DAY_MS), CLOCK_LEAPT);
    ck_assert_int_eq(look(0, DAY_MS, NOW_MS - 36 * DAY_MS), CLOCK_LEAPT);
    clock_watch_confirm(&watch);
    ck_assert_int_eq(look(0, DAY_MS + 1, NOW_MS - 36 * DAY_MS), CLOCK_IS_RIGHT);
    watch = (struct clock_watch){0};
    ck_assert_int_eq(look(0, 5000, NOW_MS - 34 * DAY_MS), CLOCK_IS_RIGHT);
    watch = (struct clock_watch){0};
    ck_assert_int_eq(look(0, 5000, 0), CLOCK_IS_RIGHT); /* nothing was believed yet */
}
END_TEST

START_TEST(a_start_before_what_was_believed_is_held)
{
    watch = (struct clock_watch){0};
    ck_assert_int_eq(look(0, 5000, NOW_MS + 5000 + HOUR_MS), CLOCK_IS_RIGHT);
    watch = (struct clock_watch){0};
    ck_assert_int_eq(look(0, 5000, NOW_MS + 5001 + HOUR_MS), CLOCK_IS_BEHIND);
    ck_assert_int_eq(look(0, DAY_MS, NOW_MS + 100 * DAY_MS), CLOCK_IS_BEHIND);
    ck_assert_int_eq(look(0, DAY_MS + 5000, NOW_MS + 100 * DAY_MS), CLOCK_IS_RIGHT); /* it has gone steadily */
    watch = (struct clock_watch){0};
    ck_assert_int_eq(look(0, 5000, NOW_MS + DAY_MS), CLOCK_IS_BEHIND);
    clock_watch_confirm(&watch);
    ck_assert_int_eq(look(0, 6000, NOW_MS + DAY_MS), CLOCK_IS_RIGHT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock_watch");
    TCase *all = tcase_create("all");
    tcase_add_test(all, a_clock_that_goes_is_right);
    tcase_add_test(all, a_clock_that_was_set_is_held_until_it_is_steady);
    tcase_add_test(all, a_start_that_is_long_after_the_last_is_held);
    tcase_add_test(all, a_start_before_what_was_believed_is_held);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
