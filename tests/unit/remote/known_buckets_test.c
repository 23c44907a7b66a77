/* tests/unit/remote/known_buckets_test.c -- what is remembered of buckets, for how long, and of how many. */
#include "store/remote/known_buckets.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>

static struct known_buckets known; /* too large for a stack */

static struct bucket_info named(const char *name)
{
    struct bucket_info info = {.creation_id = 7};
    (void)snprintf(info.name, sizeof info.name, "%s", name);
    return info;
}

static struct bucket_changes removed(uint64_t count)
{
    return (struct bucket_changes){.made = 1, .removed = count};
}

START_TEST(what_is_there)
{
    known = (struct known_buckets){0};
    const struct bucket_info info = named("logs");
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("logs"), removed(5), 1000));
    known_buckets_note(&known, &info, true, removed(5), 1000);
    ck_assert_uint_eq(known_buckets_find(&known, SPAN("logs"), removed(5), 1000 + BUCKET_KNOWN_MS - 1)->creation_id, 7);
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("logs"), removed(5), 1000 + BUCKET_KNOWN_MS));
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("log"), removed(5), 1000));
    ck_assert_ptr_null(known_buckets_find(&known, SPAN_EMPTY, removed(5), 1000));
    ck_assert_ptr_null(
        known_buckets_find(&known, SPAN("logs"), removed(6), 1000)); /* some bucket was removed meanwhile */
    known_buckets_forget(&known, SPAN("logs"));
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("logs"), removed(5), 1000));
}
END_TEST

/* It may be one that has just been made. */
START_TEST(what_has_no_record)
{
    known = (struct known_buckets){0};
    const struct bucket_info info = named("logs");
    const struct bucket_changes before = {.made = 3, .removed = 5};
    const struct bucket_changes made = {.made = 4, .removed = 5};
    known_buckets_note(&known, &info, false, before, 1000);
    ck_assert_ptr_nonnull(known_buckets_find(&known, SPAN("logs"), before, 1000));
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("logs"), made, 1000));
    known_buckets_note(&known, &info, true, before, 1000);
    ck_assert_ptr_nonnull(known_buckets_find(&known, SPAN("logs"), made, 1000));
}
END_TEST

START_TEST(what_is_absent)
{
    known = (struct known_buckets){0};
    const struct bucket_info info = named("logs");
    known_buckets_note_absence(&known, SPAN("logs"), 3, 1000);
    ck_assert(known_buckets_is_absent(&known, SPAN("logs"), 3, 1000 + BUCKET_ABSENT_MS - 1));
    ck_assert(!known_buckets_is_absent(&known, SPAN("logs"), 3, 1000 + BUCKET_ABSENT_MS));
    ck_assert(!known_buckets_is_absent(&known, SPAN("logs"), 4, 1000)); /* some bucket was made meanwhile */
    ck_assert(!known_buckets_is_absent(&known, SPAN("other"), 3, 1000));
    ck_assert(!known_buckets_is_absent(&known, SPAN_EMPTY, 0, 0));
    known_buckets_note(&known, &info, true, removed(5), 1000);
    ck_assert(!known_buckets_is_absent(&known, SPAN("logs"), 3, 1000));
    known_buckets_note_absence(&known, SPAN("logs"), 3, 1000);
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("logs"), removed(5), 1000));

    char long_name[BUCKET_NAME_BYTES_MAX + 2];
    memset(long_name, 'x', sizeof long_name);
    known_buckets_note_absence(&known, span_of(long_name, sizeof long_name), 3, 1000);
    ck_assert(!known_buckets_is_absent(&known, span_of(long_name, sizeof long_name), 3, 1000));
}
END_TEST

/* Whoever guesses at names drives none out that is there. */
START_TEST(of_so_many)
{
    known = (struct known_buckets){0};
    char name[16];
    for (unsigned i = 0; i < BUCKETS_KNOWN + 1; i++) {
        (void)snprintf(name, sizeof name, "there-%u", i);
        const struct bucket_info info = named(name);
        known_buckets_note(&known, &info, true, removed(5), 1000);
    }
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "absent-%u", i);
        known_buckets_note_absence(&known, span_from_string(name), 0, 1000);
    }
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("there-0"), removed(5), 1000)); /* the oldest */
    ck_assert_ptr_nonnull(known_buckets_find(&known, SPAN("there-1"), removed(5), 1000));
    ck_assert(!known_buckets_is_absent(&known, SPAN("absent-1"), 0, 1000));
    ck_assert(known_buckets_is_absent(&known, SPAN("absent-999"), 0, 1000));
}
END_TEST

/* Whoever is noted anew every two seconds takes nobody's place. */
START_TEST(noted_again)
{
    known = (struct known_buckets){0};
    const struct bucket_info early = named("early");
    const struct bucket_info busy = named("busy");
    known_buckets_note(&known, &early, true, removed(5), 1000);
    for (unsigned i = 0; i < 2 * BUCKETS_KNOWN; i++)
        known_buckets_note(&known, &busy, true, removed(5), 1000);
    ck_assert_ptr_nonnull(known_buckets_find(&known, SPAN("early"), removed(5), 1000));
    ck_assert_ptr_nonnull(known_buckets_find(&known, SPAN("busy"), removed(5), 1000));
    ck_assert_ptr_null(known_buckets_find(&known, SPAN("bus"), removed(5), 1000));
}
END_TEST

/* One asks again, early enough for the others not to notice. */
START_TEST(one_asks_again)
{
    known = (struct known_buckets){0};
    const struct bucket_info info = named("logs");
    ck_assert(!known_buckets_take_turn(&known, SPAN("logs"), 1000)); /* nobody knows it: everybody asks */
    known_buckets_note(&known, &info, true, removed(5), 1000);
    ck_assert(!known_buckets_take_turn(&known, SPAN("logs"), 1000 + BUCKET_FRESH_MS - 1));
    ck_assert(known_buckets_take_turn(&known, SPAN("logs"), 1000 + BUCKET_FRESH_MS));
    ck_assert(!known_buckets_take_turn(&known, SPAN("logs"), 1000 + BUCKET_FRESH_MS));
    ck_assert_ptr_nonnull(known_buckets_find(&known, SPAN("logs"), removed(5), 1000 + BUCKET_FRESH_MS));
    known_buckets_note(&known, &info, true, removed(5), 3000);
    ck_assert(!known_buckets_take_turn(&known, SPAN("logs"), 3000));
    ck_assert(known_buckets_take_turn(&known, SPAN("logs"), 3000 + BUCKET_FRESH_MS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote known buckets");
    TCase *cases = tcase_create("known buckets");
    tcase_add_test(cases, what_is_there);
    tcase_add_test(cases, what_has_no_record);
    tcase_add_test(cases, what_is_absent);
    tcase_add_test(cases, of_so_many);
    tcase_add_test(cases, noted_again);
    tcase_add_test(cases, one_asks_again);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
