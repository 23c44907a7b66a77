/* tests/unit/bench/statistics_test.c -- intervals: against figures from a book, and how often they hold what they
 * should. */
#include "bench/figures/statistics.h"
#include "bench/job/random.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <math.h>

/* Samples 1 to 5: mean 3, deviation 1.5811, t(4) = 2.776. */
START_TEST(five_samples_by_hand)
{
    static const double samples[] = {1, 2, 3, 4, 5};
    struct estimate estimate = estimate_of(samples, 5);
    ck_assert_double_eq_tol(estimate.mean, 3, 1e-9);
    ck_assert_double_eq_tol(estimate.half, 2.776 * 1.58114 / sqrt(5), 1e-4);
    ck_assert(estimate_excludes(estimate, 6));
    ck_assert(!estimate_excludes(estimate, 4));
}
END_TEST

START_TEST(too_few_samples_say_nothing)
{
    static const double samples[] = {7};
    ck_assert(isinf(estimate_of(samples, 0).half));
    ck_assert(isnan(estimate_of(samples, 0).mean));
    ck_assert_double_eq(estimate_of(samples, 1).mean, 7);
    ck_assert(isinf(estimate_of(samples, 1).half));
    ck_assert(!estimate_excludes(estimate_of(samples, 1), 1e9));
}
END_TEST

/* Of 4000 means of 8 uniform numbers, and of 45 ones, 95 in 100 intervals hold the true mean. */
START_TEST(intervals_hold_the_truth_as_often_as_they_say)
{
    static const unsigned counts[] = {8, 45};
    for (unsigned i = 0; i < 2; i++) {
        unsigned held = 0;
        for (unsigned round = 0; round < 4000; round++) {
            double samples[45];
            for (unsigned j = 0; j < counts[i]; j++)
                samples[j] = (double)(random_mix(round * 45 + j) >> 11) * 0x1p-53;
            held += !estimate_excludes(estimate_of(samples, counts[i]), 0.5);
        }
        ck_assert_msg(held > 3720 && held < 3880, "%u of 4000", held);
    }
}
END_TEST

START_TEST(a_ratio_has_the_errors_of_both)
{
    struct estimate ratio = estimate_ratio((struct estimate){200, 6}, (struct estimate){100, 4});
    ck_assert_double_eq_tol(ratio.mean, 2, 1e-9);
    ck_assert_double_eq_tol(ratio.half, 2 * 0.05, 1e-9);
    ck_assert(!estimate_excludes(estimate_ratio((struct estimate){0, 0}, (struct estimate){1, 0}), 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics");
    TCase *tests = tcase_create("statistics");
    tcase_add_test(tests, five_samples_by_hand);
    tcase_add_test(tests, too_few_samples_say_nothing);
    tcase_add_test(tests, intervals_hold_the_truth_as_often_as_they_say);
    tcase_add_test(tests, a_ratio_has_the_errors_of_both);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
