/* tests/unit/bench/arrivals_test.c -- when requests of an open loop are due: the rate, the ramp, and chance. */
#include "bench/job/arrivals.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <math.h>

static const double SECOND = 1e9;

START_TEST(even_arrivals_stand_at_equal_distances)
{
    struct arrivals arrivals;
    arrivals_begin(&arrivals, 4000, 0, false, 1);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_uint_eq(arrivals_next_ns(&arrivals), i * 250000ULL);
}
END_TEST

START_TEST(a_ramp_grows_in_a_straight_line)
{
    struct arrivals arrivals;
    arrivals_begin(&arrivals, 1000, 10, false, 1);
    uint64_t seconds[12] = {0};
    uint64_t last = 0;
    for (;;) {
        uint64_t at = arrivals_next_ns(&arrivals);
        ck_assert_uint_ge(at, last);
        last = at;
        if (at >= 12 * 1000000000ULL)
            break;
        seconds[at / 1000000000]++;
    }
    for (unsigned i = 0; i < 10; i++) /* 50, 150, ... 950: the rate in the middle of each second */
        ck_assert_uint_le(seconds[i] > 50 + i * 100 ? seconds[i] - 50 - i * 100 : 50 + i * 100 - seconds[i], 1);
    ck_assert_uint_eq(seconds[10], 1000);
    ck_assert_uint_eq(seconds[11], 1000);
}
END_TEST

/* Mean and deviation of an exponential distribution are one; the chance of more than five is e^-5. */
START_TEST(poisson_arrivals_have_the_distances_of_chance)
{
    enum { COUNT = 200000 };
    struct arrivals arrivals;
    double last = 0;
    double sum = 0;
    double squares = 0;
    unsigned far = 0;
    arrivals_begin(&arrivals, 1000, 0, true, 7);
    for (unsigned i = 0; i < COUNT; i++) {
        double at = (double)arrivals_next_ns(&arrivals) / SECOND * 1000;
        double distance = at - last;
        ck_assert(distance >= 0);
        sum += distance;
        squares += distance * distance;
        far += distance > 5;
        last = at;
    }
    ck_assert_double_eq_tol(sum / COUNT, 1, 0.01);
    ck_assert_double_eq_tol(squares / COUNT - (sum / COUNT) * (sum / COUNT), 1, 0.03);
    ck_assert_double_eq_tol((double)far / COUNT, exp(-5), 0.001);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_times)
{
    struct arrivals a;
    struct arrivals b;
    struct arrivals other;
    unsigned same = 0;
    arrivals_begin(&a, 100, 1, true, 3);
    arrivals_begin(&b, 100, 1, true, 3);
    arrivals_begin(&other, 100, 1, true, 4);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t at = arrivals_next_ns(&a);
        ck_assert_uint_eq(at, arrivals_next_ns(&b));
        same += at == arrivals_next_ns(&other);
    }
    ck_assert_uint_lt(same, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arrivals");
    TCase *tests = tcase_create("arrivals");
    tcase_add_test(tests, even_arrivals_stand_at_equal_distances);
    tcase_add_test(tests, a_ramp_grows_in_a_straight_line);
    tcase_add_test(tests, poisson_arrivals_have_the_distances_of_chance);
    tcase_add_test(tests, the_same_seed_gives_the_same_times);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
