/* tests/unit/estimate/sampling_test.c -- means, shares, and whether the interval holds what it says. */
#include "tools/bale/estimate/sampling.h"

#include "runtime/base/random.h"
#include "tests/unit/run_suite.h"

#include <math.h>

START_TEST(nothing_is_left_to_chance_of_what_was_read_whole)
{
    struct stratum strata[2] = {{.bytes = 3000, .frames = 2}, {.bytes = 1000, .frames = 1}};
    stratum_add_drawn(&strata[0], 1); /* does not count any more then */
    stratum_begin_whole(&strata[0]);
    stratum_add_whole(&strata[0], 1000, 0.1);
    stratum_add_whole(&strata[0], 2000, 0.4);
    stratum_begin_whole(&strata[1]);
    stratum_add_whole(&strata[1], 1000, 1);
    ck_assert_double_eq_tol(stratum_part(&strata[0]), 0.3, 1e-12);
    ck_assert_double_eq_tol(sampling_part(strata, 2), (900 + 1000) / 4000.0, 1e-12);
    ck_assert_double_eq(sampling_half_width(strata, 2), 0);
}
END_TEST

START_TEST(nothing_and_anything)
{
    struct stratum strata[2] = {{0}, {.bytes = 100, .frames = 100}};
    ck_assert_double_eq(sampling_part(strata, 1), 1);
    ck_assert_double_eq(sampling_half_width(strata, 1), 0);
    ck_assert_double_eq(sampling_part(strata, 2), 1); /* what was not seen stays as it is */
    ck_assert_double_ge(sampling_half_width(strata, 2), 1);
}
END_TEST

START_TEST(frames_go_where_they_tell_most)
{
    struct stratum strata[4] = {{.bytes = 1000, .frames = 1000},
                                {.bytes = 1000, .frames = 1000},
                                {.bytes = 10, .frames = 3},
                                {.bytes = 0, .frames = 0}};
    unsigned wanted[4];
    for (unsigned i = 0; i < 8; i++) {
        stratum_add_drawn(&strata[0], 0.5);
        stratum_add_drawn(&strata[1], i % 2 == 0 ? 0.1 : 0.9);
    }
    sampling_allocate(strata, 4, 0, wanted);
    ck_assert_uint_eq(wanted[0], SAMPLING_PILOT_FRAMES);
    ck_assert_uint_eq(wanted[2], 3);
    ck_assert_uint_eq(wanted[3], 0);
    sampling_allocate(strata, 4, 400, wanted);
    ck_assert_uint_gt(wanted[1], 10 * wanted[0]);
    ck_assert_uint_le(wanted[0] + wanted[1], 403);
    sampling_allocate(strata, 4, 4000000, wanted);
    ck_assert_uint_eq(wanted[0], 1000); /* no more than there are */
}
END_TEST

/* 200 samples of a stratum in which a tenth of the frames is of another kind. */
START_TEST(the_interval_holds)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 3);
    unsigned held = 0;
    for (unsigned run = 0; run < 200; run++) {
        struct stratum stratum = {.bytes = 1 << 20, .frames = 1 << 20};
        for (unsigned i = 0; i < 300; i++) {
            double jitter = (double)random_below(&random, 1000) / 10000;
            stratum_add_drawn(&stratum, random_below(&random, 10) == 0 ? 0.9 + jitter : 0.2 + jitter);
        }
        held += fabs(sampling_part(&stratum, 1) - 0.32) <= sampling_half_width(&stratum, 1) ? 1 : 0;
        ck_assert_double_lt(sampling_half_width(&stratum, 1), 0.04);
    }
    ck_assert_uint_ge(held, 190);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampling");
    TCase *tests = tcase_create("sampling");
    tcase_add_test(tests, nothing_is_left_to_chance_of_what_was_read_whole);
    tcase_add_test(tests, nothing_and_anything);
    tcase_add_test(tests, frames_go_where_they_tell_most);
    tcase_add_test(tests, the_interval_holds);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
