/* tests/unit/runtime/memory_budget_test.c -- bytes for bodies in flight: a line before them, and one reserve of several
 * shards. */
#include "runtime/fiber/memory_budget.h"

#include "runtime/io/io.h"
#include "tests/unit/runtime/fixture.h"

#include <pthread.h>

enum { ALL = 1000, SHORT_MS = 60, LONG_MS = 60000, WAITERS = 3 };

/* ---- one shard ---- */

struct line {
    struct memory_budget budget;
    size_t sizes[WAITERS];
    unsigned started;
    unsigned order[WAITERS];
    unsigned granted;
};

SUSPENDS static void take_in_line(void *argument)
{
    struct line *line = argument;
    unsigned number = line->started++;
    struct error error;
    ck_assert(memory_budget_take(&line->budget, line->sizes[number], deadline_after_ms(LONG_MS), &error));
    line->order[line->granted++] = number;
    memory_budget_give(&line->budget, line->sizes[number]);
}

SUSPENDS static void hold_a_line(void *argument)
{
    struct line *line = argument;
    struct error error;
    ck_assert(memory_budget_take(&line->budget, ALL - 1, DEADLINE_NONE, &error));
    for (unsigned i = 0; i < WAITERS; i++)
        ck_assert(fiber_spawn("waiter", take_in_line, line, &error));
    ck_assert_int_eq(io_sleep_until(deadline_after_ms(SHORT_MS)), 0);
    ck_assert_uint_eq(line->granted, 0); /* the last one would fit, and waits for its turn */
    ck_assert(memory_budget_has_waiters(&line->budget));
    memory_budget_give(&line->budget, ALL - 1);
}

/* What is kept is given back to who waits, and to nobody else. */
static struct keeper {
    struct memory_budget budget; /* first */
    unsigned asked;
} keeper;

static void give_what_is_kept(struct memory_budget *budget, size_t bytes)
{
    ck_assert_ptr_eq(budget, &keeper.budget);
    ck_assert_uint_eq(bytes, ALL);
    keeper.asked++;
    memory_budget_give(budget, ALL / 2);
}

SUSPENDS static void want_more_than_is_left(void *unused)
{
    struct error error;
    (void)unused;
    ck_assert(memory_budget_take_at_once(&keeper.budget, ALL / 2));
    ck_assert(!memory_budget_take_at_once(&keeper.budget, ALL / 2 + 1));
    ck_assert_uint_eq(keeper.asked, 0);
    ck_assert(memory_budget_take(&keeper.budget, ALL, deadline_after_ms(LONG_MS), &error));
    ck_assert_uint_eq(keeper.asked, 1);
    ck_assert(!memory_budget_has_waiters(&keeper.budget));
    memory_budget_give(&keeper.budget, ALL);
}

START_TEST(what_is_kept_is_given_back)
{
    memory_budget_init(&keeper.budget, ALL);
    keeper.budget.make_room = give_what_is_kept;
    run_to_end(want_more_than_is_left, NULL);
    ck_assert_uint_eq(memory_budget_used(&keeper.budget), 0);
}
END_TEST

START_TEST(nobody_overtakes)
{
    struct line line = {.sizes = {ALL / 2, ALL * 2, 1}}; /* the second one counts as all */
    memory_budget_init(&line.budget, ALL);
    run_to_end(hold_a_line, &line);
    ck_assert_uint_eq(line.granted, WAITERS);
    for (unsigned i = 0; i < WAITERS; i++)
        ck_assert_uint_eq(line.order[i], i);
    ck_assert_uint_eq(memory_budget_used(&line.budget), 0);
}
END_TEST

/* ---- several ---- */

static struct memory_reserve reserve;
static pthread_barrier_t all_is_taken, was_refused;

SUSPENDS static void take_all_for_a_while(void *argument)
{
    struct memory_budget *budget = argument;
    struct error error;
    ck_assert(memory_budget_take(budget, ALL, DEADLINE_NONE, &error));
    (void)pthread_barrier_wait(&all_is_taken);
    (void)pthread_barrier_wait(&was_refused);
    while (!memory_budget_has_waiters(budget)) /* on the other shard */
        ck_assert_int_eq(io_sleep_until(deadline_after_ms(1)), 0);
    memory_budget_give(budget, ALL);
}

SUSPENDS static void find_none_and_wait(void *argument)
{
    struct memory_budget *budget = argument;
    struct error error;
    (void)pthread_barrier_wait(&all_is_taken);
    ck_assert(!memory_budget_take(budget, 1, deadline_after_ms(SHORT_MS), &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert(!memory_budget_has_waiters(budget));
    ck_assert_uint_eq(memory_budget_used(budget), ALL);
    (void)pthread_barrier_wait(&was_refused);
    ck_assert(memory_budget_take(budget, ALL, deadline_after_ms(LONG_MS), &error));
    memory_budget_give(budget, ALL);
}

static void *run_other_shard(void *unused)
{
    struct memory_budget budget;
    (void)unused;
    memory_budget_init_shared(&budget, &reserve);
    run_to_end(find_none_and_wait, &budget);
    return NULL;
}

START_TEST(shards_share_a_reserve)
{
    struct memory_budget budget;
    pthread_t other;
    reserve = (struct memory_reserve){.bytes_max = ALL};
    ck_assert_int_eq(pthread_barrier_init(&all_is_taken, NULL, 2), 0);
    ck_assert_int_eq(pthread_barrier_init(&was_refused, NULL, 2), 0);
    memory_budget_init_shared(&budget, &reserve);
    ck_assert_int_eq(pthread_create(&other, NULL, run_other_shard, NULL), 0);
    run_to_end(take_all_for_a_while, &budget);
    ck_assert_int_eq(pthread_join(other, NULL), 0);
    ck_assert_uint_eq(memory_budget_used(&budget), 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("memory_budget");
    tcase_add_test(cases, nobody_overtakes);
    tcase_add_test(cases, what_is_kept_is_given_back);
    tcase_add_test(cases, shards_share_a_reserve);
    Suite *suite = suite_create("memory_budget");
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
