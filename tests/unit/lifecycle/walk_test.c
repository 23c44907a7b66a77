/* tests/unit/lifecycle/walk_test.c -- where pages may end, and what goes on from one to the next. */
#include "server/lifecycle/walk.h"
#include "tests/unit/run_suite.h"

#include <string.h>

enum { ENTRIES_MAX = 8 };

static struct arena arena;
static struct lifecycle lifecycle;
static struct lifecycle_rule rule;
static struct lifecycle_plan plan;
static struct lifecycle_walk walk;
static struct lifecycle_order orders[ENTRIES_MAX];

/* All objects are due, and noncurrent versions but for the newest `newer`. */
static void setup(void)
{
    struct error error;
    arena_init(&arena, 1 << 16);
    rule = (struct lifecycle_rule){
        .is_enabled = true,
        .has_expiration = true,
        .expiration = {.has_days = true, .days = 1},
        .has_noncurrent_expiration = true,
        .noncurrent_expiration = {.time = {.has_days = true, .days = 1},
                                  .has_newer_versions = true,
                                  .newer_versions = 2},
    };
    lifecycle = (struct lifecycle){.rules = &rule, .rules_count = 1};
    const struct lifecycle_bucket place = {.day_ms = LIFECYCLE_DAY_MS};
    ck_assert(lifecycle_plan_make(&lifecycle, &place, &arena, &plan, &error));
    walk = (struct lifecycle_walk){.plan = &plan, .now_ms = 100 * (int64_t)LIFECYCLE_DAY_MS, .next_ms = INT64_MAX};
}

static void teardown(void)
{
    arena_free(&arena);
}

static struct list_entry entry(const char *key, const char *version, bool is_latest)
{
    struct list_entry made = {.key = span_from_string(key), .is_latest = is_latest, .superseded_ms = !is_latest};
    strcpy(made.version, version);
    return made;
}

static void expect_cursor(const char *key, const char *version, unsigned newer_kept)
{
    ck_assert(span_equal(span_of(walk.cursor.key, walk.cursor.key_size), span_from_string(key)));
    ck_assert_str_eq(walk.cursor.version, version);
    ck_assert_uint_eq(walk.cursor.newer_kept, newer_kept);
}

START_TEST(a_page_ends_before_its_last_entry)
{
    struct list_entry entries[] = {entry("a", "null", true), entry("b", "null", true), entry("c", "null", true)};
    const struct list_page page = {entries, 3, true};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &page, orders), 2);
    ck_assert_ptr_eq(orders[1].entry, &entries[1]);
    expect_cursor("b", "", 0); /* behind all of it */
    const struct list_page last = {entries + 2, 1, false};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &last, orders), 1);
    expect_cursor("c", "", 0);
}
END_TEST

START_TEST(a_key_goes_on_behind_the_version_that_was_judged)
{
    struct list_entry entries[] = {entry("a", "5", true), entry("a", "4", false), entry("a", "3", false),
                                   entry("a", "2", false), entry("a", "1", false)};
    const struct list_page page = {entries, 3, true};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &page, orders), 1); /* the current one */
    expect_cursor("a", "4", 1);
    const struct list_page last = {entries + 2, 3, false};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &last, orders), 2); /* two newer ones stay */
    ck_assert_ptr_eq(orders[0].entry, &entries[3]);
    expect_cursor("a", "", 2);
    ck_assert_uint_eq(walk.kept, 2);
}
END_TEST

/* Were it removed, nothing could be said to come behind it. */
START_TEST(no_page_ends_behind_a_null_version_amid_its_key)
{
    struct list_entry entries[] = {entry("a", "null", true), entry("b", "9", true), entry("b", "null", false),
                                   entry("b", "7", false)};
    const struct list_page page = {entries, 4, true};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &page, orders), 2);
    expect_cursor("b", "9", 0);
    const struct list_page last = {entries + 2, 2, false};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &last, orders), 0);
    expect_cursor("b", "", 2);
}
END_TEST

START_TEST(what_is_locked_stays_and_counts)
{
    struct list_entry entries[] = {entry("a", "5", true), entry("a", "4", false), entry("a", "3", false),
                                   entry("a", "2", false), entry("a", "1", false)};
    rule.noncurrent_expiration.has_newer_versions = false;
    entries[2].lock.hold = HOLD_ON;
    const struct list_page page = {entries, 5, false};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &page, orders), 4);
    ck_assert_uint_eq(walk.locked, 1);
    expect_cursor("a", "", 1);
    ck_assert_int_le(walk.next_ms, walk.now_ms); /* its lock may go any day */
}
END_TEST

START_TEST(the_servers_own_keys_are_not_judged)
{
    struct list_entry entries[] = {entry(".s4dict/0123456789abcdef", "null", true), entry("a", "null", true),
                                   entry("b.s4index", "null", true)};
    const struct list_page page = {entries, 3, false};
    ck_assert_uint_eq(lifecycle_walk_page(&walk, &page, orders), 1);
    ck_assert_ptr_eq(orders[0].entry, &entries[1]);
    expect_cursor("b.s4index", "", 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("walk");
    TCase *all = tcase_create("pages");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_page_ends_before_its_last_entry);
    tcase_add_test(all, a_key_goes_on_behind_the_version_that_was_judged);
    tcase_add_test(all, no_page_ends_behind_a_null_version_amid_its_key);
    tcase_add_test(all, what_is_locked_stays_and_counts);
    tcase_add_test(all, the_servers_own_keys_are_not_judged);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
