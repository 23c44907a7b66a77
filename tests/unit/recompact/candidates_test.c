/* tests/unit/recompact/candidates_test.c -- the best of many, in order, and what endings teach. */
#include "server/recompact/candidates.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct candidates candidates; /* large */

static void offer(const char *key, uint64_t stored, uint64_t original, const struct gains *gains)
{
    const struct object_name name = {SPAN("bucket"), span_from_string(key), SPAN_EMPTY};
    struct object_attributes attributes = {.stored_size = stored, .original_size = original};
    strcpy(attributes.version, "null");
    (void)snprintf(attributes.stored_etag, sizeof attributes.stored_etag, "etag of %s", key);
    candidates_offer(&candidates, &name, &attributes, 9, gains);
}

static void expect_next(const char *key)
{
    char etag[STORED_ETAG_TEXT_BYTES];
    struct candidate *candidate = candidates_take(&candidates);
    ck_assert_ptr_nonnull(candidate);
    const struct object_name name = candidate_name(candidate);
    ck_assert(span_equal(name.bucket, SPAN("bucket")));
    ck_assert_msg(span_equal(name.key, span_from_string(key)), "%.*s, not %s", SPAN_FORMAT(name.key), key);
    ck_assert(span_equal(name.version, SPAN("null")));
    (void)snprintf(etag, sizeof etag, "etag of %s", key);
    ck_assert_str_eq(candidate->stored_etag, etag);
    ck_assert_int_eq(candidate->level, 9);
    free(candidate);
}

START_TEST(the_best_come_first)
{
    struct gains gains = {0};
    for (unsigned i = 0; i < 8; i++) {
        gains_learn(&gains, SPAN("x.log"), 100, 50);
        gains_learn(&gains, SPAN("a/y.mp4"), 100, 100);
    }
    offer("large.txt", 2000, 4000, &gains); /* the ending is unknown: it gains a tenth */
    offer("small.txt", 1000, 2000, &gains);
    offer("dense.txt", 1000, 9000, &gains);
    offer("good.log", 1000, 2000, &gains);
    offer("film.mp4", 90000, 90000, &gains); /* gains nothing */
    candidates_sort(&candidates);
    expect_next("good.log");
    expect_next("large.txt");
    expect_next("small.txt");
    expect_next("dense.txt");
    expect_next("film.mp4");
    ck_assert_ptr_null(candidates_take(&candidates));
}
END_TEST

/* Of three times as many as there is room for, in an order that is none, the best stay. */
START_TEST(only_the_best_stay)
{
    const struct gains gains = {0};
    char key[16];
    for (unsigned i = 0; i < 3 * CANDIDATES_MAX; i++) {
        unsigned number = i * 7 % (3 * CANDIDATES_MAX);
        (void)snprintf(key, sizeof key, "key-%u", number);
        offer(key, 1000 + number, 10000, &gains);
    }
    candidates_sort(&candidates);
    ck_assert_uint_eq(candidates.count, CANDIDATES_MAX);
    for (unsigned i = 0; i < CANDIDATES_MAX; i++) {
        (void)snprintf(key, sizeof key, "key-%u", 3 * CANDIDATES_MAX - 1 - i);
        expect_next(key);
    }
    offer("left", 1, 1, &gains);
    candidates_free(&candidates);
    ck_assert_uint_eq(candidates.count, 0);
}
END_TEST

START_TEST(endings_teach)
{
    struct gains gains = {0};
    double unknown = gains_find(&gains, SPAN("a.csv"));
    ck_assert_double_lt(unknown, 1);
    gains_learn(&gains, SPAN("dir.old/file"), 100, 20); /* no ending: that dot is the folder's */
    ck_assert_double_eq_tol(gains_find(&gains, SPAN("other")), 0.2, 1e-9);
    ck_assert_double_eq(gains_find(&gains, SPAN("x.old")), unknown);
    ck_assert_double_eq_tol(gains_find(&gains, SPAN("x.much-too-long-to-be-one")), 0.2, 1e-9);
    gains_learn(&gains, SPAN("file"), 100, 70); /* a fifth of the way */
    ck_assert_double_eq_tol(gains_find(&gains, SPAN("")), 0.3, 1e-9);
    gains_learn(&gains, SPAN("a.csv"), 0, 0); /* says nothing */
    ck_assert_double_eq(gains_find(&gains, SPAN("a.csv")), unknown);
    char key[16];
    for (unsigned i = 0; i < 2 * GAINS_MAX; i++) {
        (void)snprintf(key, sizeof key, "a.%u", i);
        gains_learn(&gains, span_from_string(key), 100, 40);
    }
    ck_assert_uint_eq(gains.count, GAINS_MAX);
    ck_assert_double_eq(gains_find(&gains, SPAN("a.127")), unknown);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recompact candidates");
    TCase *all = tcase_create("all");
    tcase_add_test(all, the_best_come_first);
    tcase_add_test(all, only_the_best_stay);
    tcase_add_test(all, endings_teach);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
