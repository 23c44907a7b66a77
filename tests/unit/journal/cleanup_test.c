/* tests/unit/journal/cleanup_test.c -- what a replica deletes that stands still in the middle of it, while others make
 * generations. */
#include "tests/unit/journal/restore_fixture.h"

#include <string.h>

enum { GENERATIONS = 4 };

static enum store_answer (*create_at_once)(struct journal_store *base, const char *name, struct span body,
                                           deadline_t deadline);
static enum store_answer (*list_at_once)(struct journal_store *base, const char *prefix, const char *after,
                                         struct store_page *ret_page, deadline_t deadline);
static bool is_held, is_under_way;

/* A cleanup lists segments from the first on; so does nobody else. */
static enum store_answer list_when_let(struct journal_store *base, const char *prefix, const char *after,
                                       struct store_page *ret_page, deadline_t deadline)
{
    bool is_of_cleanup = strcmp(prefix, SEGMENTS_PREFIX) == 0 && strcmp(after, SEGMENTS_PREFIX) == 0;
    while (is_of_cleanup && is_held) {
        is_under_way = true;
        pause_ms(1);
    }
    return list_at_once(base, prefix, after, ret_page, deadline);
}

/* No copy of a head comes through while a cleanup stands still: so nobody else deletes anything. */
static enum store_answer create_no_copy(struct journal_store *base, const char *name, struct span body,
                                        deadline_t deadline)
{
    if (is_under_way && strncmp(name, HEADS_PREFIX, strlen(HEADS_PREFIX)) == 0)
        return STORE_UNKNOWN;
    return create_at_once(base, name, body, deadline);
}

static void wait_for_generation(const struct machine *process, uint64_t generation)
{
    for (unsigned i = 0; i < 2000 && journal_head(process->journal)->generation < generation; i++)
        pause_ms(5);
    ck_assert_uint_ge(journal_head(process->journal)->generation, generation);
}

static void hold_cleanup(struct machine *process)
{
    is_held = true;
    for (unsigned i = 0; i < 2000 && !is_under_way; i++) {
        machine_add(process, 0); /* a generation comes of it, and a cleanup behind that */
        pause_ms(5);
    }
    ck_assert(is_under_way);
}

static uint64_t newest_copy(void)
{
    uint64_t generation = 0;
    struct journal_id nonce;
    ck_assert(head_copy_name_parse(span_from_string(memory_last(&store, HEADS_PREFIX)->name), &generation, &nonce));
    return generation;
}

static void stands_still(void)
{
    static struct machine cleaner, other;
    create_at_once = store.base.create;
    list_at_once = store.base.list;
    store.base.create = create_no_copy;
    store.base.list = list_when_let;
    machine_start(&cleaner, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&cleaner, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&cleaner, 3);
    hold_cleanup(&cleaner);
    uint64_t copied = newest_copy();
    machine_start(&other, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_RUNS), JOURNAL_RUNS);
    for (unsigned i = 0; i < GENERATIONS; i++) {
        machine_add(&other, 50);
        machine_fold(&other, 1);
    }
    machine_stop(&other);
    store.scheduler = &cleaner.scheduler.base;
    struct error error;
    ck_assert(journal_flush(cleaner.journal, &error));
    wait_for_generation(&cleaner, copied + GENERATIONS); /* and so has come to later heads */
    is_held = false;
    machine_stop(&cleaner); /* when it has ended */
    store.scheduler = &machine.scheduler.base;
    store.base.create = create_at_once;
    store.base.list = list_at_once;
    ck_assert_uint_eq(newest_copy(), copied);

    memory_remove(&store, HEAD_NAME);
    struct restore_plan plan;
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert_uint_eq(plan.from_generation, copied);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 3 + GENERATIONS * 50);
    expect_sound(&store, 1);
}

START_TEST(a_cleanup_that_stood_still_deletes_nothing_in_the_name_of_a_later_head)
{
    run(stands_still);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cleanup");
    TCase *tests = tcase_create("cleanup");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_cleanup_that_stood_still_deletes_nothing_in_the_name_of_a_later_head);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
