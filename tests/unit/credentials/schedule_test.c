/* tests/unit/credentials/schedule_test.c -- when keys are renewed, over many draws. */
#include "s3client/credentials/credentials.h"
#include "s3client/credentials/schedule.h"
#include "tests/unit/run_suite.h"

#include <check.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DRAWS = 2000 };
static const int64_t NOW = INT64_C(1800000000000);

struct range {
    int64_t least;
    int64_t most;
};

static struct range renewals(int64_t left_ms)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 7);
    struct range range = {INT64_MAX, INT64_MIN};
    for (unsigned i = 0; i < DRAWS; i++) {
        int64_t delay = schedule_renewal_ms(NOW, NOW + left_ms, &random) - NOW;
        range.least = delay < range.least ? delay : range.least;
        range.most = delay > range.most ? delay : range.most;
    }
    return range;
}

/* All draws lie between, and they fill nine tenths of that. */
static void expect(struct range range, int64_t least, int64_t most)
{
    ck_assert_int_ge(range.least, least);
    ck_assert_int_le(range.most, most);
    ck_assert_int_ge((range.most - range.least) * 10, (most - least) * 9);
}

START_TEST(renewals_come_before_the_end)
{
    expect(renewals(6 * HOUR), 6 * HOUR - 15 * MINUTE - 90 * SECOND, 6 * HOUR - 15 * MINUTE);
    expect(renewals(HOUR), 45 * MINUTE - 90 * SECOND, 45 * MINUTE);
    expect(renewals(20 * MINUTE), 9 * MINUTE, 10 * MINUTE);
    expect(renewals(4 * SECOND), 1800, 2000);
    ck_assert_int_eq(renewals(10).least, 200); /* and not without a pause */
}
END_TEST

START_TEST(what_has_ended_is_asked_for_after_5_to_10_minutes)
{
    expect(renewals(0), 5 * MINUTE, 10 * MINUTE);
    expect(renewals(-HOUR), 5 * MINUTE, 10 * MINUTE);
    ck_assert(schedule_renewal_ms(NOW, CREDENTIALS_NEVER_EXPIRE, random_system()) == SCHEDULE_NEVER);
}
END_TEST

static struct range attempts(int64_t left_ms, unsigned failures)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 11);
    struct range range = {INT64_MAX, INT64_MIN};
    for (unsigned i = 0; i < DRAWS; i++) {
        int64_t delay = schedule_attempt_ms(NOW, NOW + left_ms, failures, &random) - NOW;
        range.least = delay < range.least ? delay : range.least;
        range.most = delay > range.most ? delay : range.most;
    }
    return range;
}

START_TEST(attempts_come_sooner_the_less_is_left)
{
    expect(attempts(HOUR, 1), SECOND / 2, SECOND);
    expect(attempts(HOUR, 4), 4 * SECOND, 8 * SECOND);
    expect(attempts(HOUR, 7), 30 * SECOND, 60 * SECOND);
    expect(attempts(HOUR, 4000000000U), 30 * SECOND, 60 * SECOND);
    expect(attempts(20 * SECOND, 9), 2500, 5000);
    expect(attempts(-HOUR, 9), 2500, 5000);
    ck_assert_int_eq(attempts(3, 1).most, 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schedule");
    TCase *group = tcase_create("schedule");
    tcase_add_test(group, renewals_come_before_the_end);
    tcase_add_test(group, what_has_ended_is_asked_for_after_5_to_10_minutes);
    tcase_add_test(group, attempts_come_sooner_the_less_is_left);
    suite_add_tcase(suite, group);
    return run_suite(suite);
}
