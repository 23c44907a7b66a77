/* tests/unit/run_suite.h -- the end of every main of a unit test. */
#pragma once

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

/* Tests of great amounts, by one thread: the thread sanitizer sees nothing new in them and takes ten times as long. */
#ifdef __SANITIZE_THREAD__
static const bool has_time_for_amounts = false;
#else
static const bool has_time_for_amounts = true;
#endif

/* `whole` times by the release build; under a sanitizer, which sees nothing new in the next ones of the same kind,
 * `few` times. */
static inline unsigned amount(unsigned whole, unsigned few)
{
#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
    (void)whole;
    return few;
#else
    (void)few;
    return whole;
#endif
}

/* Runs all tests (CK_VERBOSITY and CK_RUN_CASE of the environment count); returns what main returns. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
