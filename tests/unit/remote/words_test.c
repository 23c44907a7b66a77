/* tests/unit/remote/words_test.c -- how old a word is (store/remote/words/words.h). What becomes of words is tried
 * before a real backend (tests/backends/bodies/tiers_asking.py). */
#include "store/remote/words/words.h"
#include "tests/unit/run_suite.h"

#include <check.h>

static bool is_fresh(int64_t boot_ms, int64_t wall_ms, uint64_t fresh_ms)
{
    const struct word_time asked = {.boot_ms = 5000, .wall_ms = 1700000000000};
    const struct word_time now = {.boot_ms = asked.boot_ms + boot_ms, .wall_ms = asked.wall_ms + wall_ms};
    return word_is_fresh(&asked, &now, fresh_ms);
}

START_TEST(a_word_is_fresh_for_its_time)
{
    ck_assert(is_fresh(0, 0, 1));
    ck_assert(is_fresh(999, 999, 1000));
    ck_assert(!is_fresh(1000, 1000, 1000));
    ck_assert(!is_fresh(0, 0, 0));
}
END_TEST

/* A wall clock that was set, and a copy of a machine that goes on days later: nobody knows how old a word is then. */
START_TEST(clocks_that_part_end_it)
{
    ck_assert(!is_fresh(10, 86400000, 1000));
    ck_assert(!is_fresh(10, -1, 1000));
    ck_assert(!is_fresh(5000, 10, 1000));
    ck_assert(is_fresh(10, 900, 1000));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("words");
    TCase *tcase = tcase_create("age");
    tcase_add_test(tcase, a_word_is_fresh_for_its_time);
    tcase_add_test(tcase, clocks_that_part_end_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
