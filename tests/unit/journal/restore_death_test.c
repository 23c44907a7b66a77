/* tests/unit/journal/restore_death_test.c -- a restore that is cut off anywhere and begun again, made twice at once, or
 * on what it was not planned for. */
#include "tests/unit/journal/restore_fixture.h"

static void lose_half_of_it(void)
{
    live(&store, 1, 5, 10, 6);
    live(&store, 1, 3, 1, 0);
    memory_remove(&store, HEAD_NAME);
}

static uint64_t requests_of_a_restore(void)
{
    struct memory_store copy;
    uint64_t requests = store.requests;
    memory_store_init(&copy, &machine.scheduler.base);
    memory_store_copy(&store, &copy);
    machine.environment.store = &copy.base;
    restore_now(RESTORE_LOST_HEAD);
    machine.environment.store = &store.base;
    ck_assert_uint_eq(store.requests, requests);
    requests = copy.requests;
    memory_store_free(&copy);
    return requests;
}

/* A restore dies at its last but `back` request, then another one is made. */
static void die_and_restore(const struct memory_store *before, uint64_t at, enum memory_death death)
{
    struct restore_plan plan;
    struct journal_id lineage;
    struct error error;
    struct memory_store copy;
    memory_store_init(&copy, &machine.scheduler.base);
    memory_store_copy(before, &copy);
    machine.environment.store = &copy.base;
    plan_restore(RESTORE_LOST_HEAD, &plan);
    copy.dies_at = at;
    copy.death = death;
    bool is_done = restore_execute(&machine.environment, &plan, &lineage, &error);
    ck_assert(!is_done || copy.is_dead || copy.requests < at);
    memory_revive(&copy);
    if (restore_plan(&machine.environment, RESTORE_LOST_HEAD, &plan, &error)) {
        restore_now(RESTORE_LOST_HEAD);
    } else {
        ck_assert_int_eq(error.kind, ERROR_CONFLICT); /* the first one made the head */
        ck_assert_ptr_nonnull(memory_find(&copy, HEAD_NAME));
    }
    memory_deliver_late(&copy);
    ck_assert_int_eq(sum_of(&copy, 1, JOURNAL_RUNS), 53);
    live(&copy, 1, 1, 7, 3);
    ck_assert_int_eq(sum_of(&copy, 1, JOURNAL_RUNS), 60);
    machine.environment.store = &copy.base;
    expect_sound(&copy, 1);
    store_test_sweep(&machine.environment);
    machine.environment.store = &store.base;
    memory_store_free(&copy);
}

static void dies_anywhere(void)
{
    enum { LAST_REQUESTS = 24 }; /* all that come behind the test of the store, and its end */
    lose_half_of_it();
    uint64_t requests = requests_of_a_restore();
    for (uint64_t back = 0; back < LAST_REQUESTS; back++) {
        for (unsigned death = DEATH_BEFORE; death <= DEATH_LATE; death++)
            die_and_restore(&store, requests - back, death);
    }
}

START_TEST(a_restore_may_die_at_any_request)
{
    run(dies_anywhere);
}
END_TEST

struct operator
{
    struct restore_plan plan;
    bool is_done, has_ended;
    struct error error;
};

static void operate(void *argument)
{
    struct operator* one = argument;
    struct journal_id lineage;
    one->is_done = restore_execute(&machine.environment, &one->plan, &lineage, &one->error);
    one->has_ended = true;
}

static void restores_twice_at_once(void)
{
    static struct operator operators[4];
    lose_half_of_it();
    memset(operators, 0, sizeof operators);
    for (unsigned i = 0; i < 4; i++)
        plan_restore(RESTORE_LOST_HEAD, &operators[i].plan);
    for (unsigned i = 0; i < 4; i++)
        spawn("operator", operate, &operators[i]);
    unsigned done = 0;
    for (unsigned i = 0; i < 4; i++) {
        while (!operators[i].has_ended)
            pause_ms(1);
        done += operators[i].is_done;
        if (!operators[i].is_done)
            ck_assert_msg(operators[i].error.kind == ERROR_CONFLICT, "%s", operators[i].error.message);
    }
    ck_assert_uint_eq(done, 1);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 53);
    expect_sound(&store, 1);
}

START_TEST(of_two_operators_one_makes_the_head)
{
    run(restores_twice_at_once);
}
END_TEST

static void refuses_what_was_not_agreed(void)
{
    struct restore_plan plan;
    struct journal_id lineage;
    struct error error;
    lose_half_of_it();
    plan_restore(RESTORE_LOST_HEAD, &plan);
    memory_remove(&store, memory_last(&store, SEGMENTS_PREFIX)->name); /* one segment less counts now */
    ck_assert(!restore_execute(&machine.environment, &plan, &lineage, &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert_ptr_null(memory_find(&store, HEAD_NAME));
}

START_TEST(a_restore_does_what_was_agreed_to)
{
    run(refuses_what_was_not_agreed);
}
END_TEST

static void refuses_broken_stores(void)
{
    struct restore_plan plan;
    struct journal_id lineage;
    struct error error;
    lose_half_of_it();
    plan_restore(RESTORE_LOST_HEAD, &plan);
    store.checks_then_acts = true;
    ck_assert(!restore_execute(&machine.environment, &plan, &lineage, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_null(memory_find(&store, HEAD_NAME));
}

START_TEST(a_broken_store_is_not_restored_to)
{
    run(refuses_broken_stores);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore death");
    TCase *tests = tcase_create("restore death");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_restore_may_die_at_any_request);
    tcase_add_test(tests, of_two_operators_one_makes_the_head);
    tcase_add_test(tests, a_restore_does_what_was_agreed_to);
    tcase_add_test(tests, a_broken_store_is_not_restored_to);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
