/* tests/unit/journal/capability_test.c -- a store that breaks a promise is told so by name; one that keeps all passes,
 * also when answers are lost; the journal writes only on tested ground, and only where it was made. */
#include "journal/ground/capability.h"
#include "journal/ground/ground.h"
#include "tests/unit/journal/restore_fixture.h"

/* ---- the test of a store ---- */

static void expect_broken(enum store_promise promise, enum error_kind kind, const char *words)
{
    struct store_test test;
    struct error error;
    ck_assert(!store_test_run(&machine.environment, &test, &error));
    ck_assert_int_eq(error.kind, kind);
    ck_assert_msg(test.verdicts[promise] == PROMISE_BROKEN, "%s: %s", store_promise_name(promise), error.message);
    ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
    ck_assert_uint_eq(store.count, 0); /* nothing is left behind */
}

static void keeps_all(void)
{
    struct store_test test;
    struct error error;
    ck_assert_msg(store_test_run(&machine.environment, &test, &error), "%s", error.message);
    for (unsigned i = 0; i < PROMISE_COUNT; i++)
        ck_assert_int_eq(test.verdicts[i], PROMISE_HELD);
    ck_assert_uint_ge(store.writes, 8 * STORE_CONTENDERS);
    ck_assert_uint_eq(store.count, 0);
}

START_TEST(a_good_store_passes)
{
    run(keeps_all);
}
END_TEST

static void loses_answers(void)
{
    store.lost_permille = 20;
    unsigned passed = 0;
    for (unsigned i = 0; i < 20; i++) {
        struct store_test test;
        struct error error;
        if (store_test_run(&machine.environment, &test, &error))
            passed++;
        else
            ck_assert_msg(error.kind == ERROR_BUSY, "%s", error.message); /* never taken for a broken promise */
    }
    ck_assert_uint_gt(passed, 0);
}

START_TEST(lost_answers_prove_nothing)
{
    run(loses_answers);
}
END_TEST

static void answers_nothing(void)
{
    struct store_test test;
    struct error error;
    store.lost_permille = 1000;
    ck_assert(!store_test_run(&machine.environment, &test, &error));
    ck_assert_int_eq(error.kind, ERROR_BUSY);
    ck_assert_int_eq(test.verdicts[PROMISE_READ], PROMISE_UNDECIDED);
}

START_TEST(silence_is_no_verdict)
{
    run(answers_nothing);
}
END_TEST

static void breaks_each(void)
{
    store.ignores_create_condition = true;
    expect_broken(PROMISE_CREATE, ERROR_UNSUPPORTED, "ignores If-None-Match");
    store.ignores_create_condition = false;
    store.ignores_replace_condition = true;
    expect_broken(PROMISE_REPLACE, ERROR_UNSUPPORTED, "ignores If-Match");
    store.ignores_replace_condition = false;
    store.creates_on_replace = true;
    expect_broken(PROMISE_REPLACE_ABSENT, ERROR_UNSUPPORTED, "created a key that was to be replaced");
    store.creates_on_replace = false;
    store.reads_are_stale = true;
    expect_broken(PROMISE_READ, ERROR_UNSUPPORTED, "a read did not show");
    store.reads_are_stale = false;
    store.hides_new_names = true;
    struct store_test test;
    struct error error;
    ck_assert(!store_test_run(&machine.environment, &test, &error)); /* nor can it see what to remove */
    ck_assert_int_eq(test.verdicts[PROMISE_LIST], PROMISE_BROKEN);
    store.hides_new_names = false;
    store_test_sweep(&machine.environment);
    ck_assert_uint_eq(store.count, 0);
    store.etags_repeat = true;
    expect_broken(PROMISE_REPLACE, ERROR_UNSUPPORTED, "");
    store.etags_repeat = false;
    store.calls_unchanged = true;
    expect_broken(PROMISE_REPLACE, ERROR_UNSUPPORTED, "calls an object unchanged");
    store.calls_unchanged = false;
    store.refuses_conditions = true;
    expect_broken(PROMISE_READ, ERROR_DENIED, "refuses conditional creation");
}

START_TEST(each_broken_promise_is_named)
{
    run(breaks_each);
}
END_TEST

static void checks_then_acts(void)
{
    store.checks_then_acts = true;
    expect_broken(PROMISE_CREATE_RACE, ERROR_UNSUPPORTED, "creations of one key");
    struct store_test test;
    struct error error;
    ck_assert(!store_test_run(&machine.environment, &test, &error));
    ck_assert_int_eq(test.verdicts[PROMISE_CREATE], PROMISE_HELD); /* one after the other it looks sound */
}

START_TEST(several_winners_of_a_race_are_found)
{
    run(checks_then_acts);
}
END_TEST

/* ---- the ground ---- */

static void remembers(void)
{
    struct error error;
    struct ground ground;
    ck_assert_int_eq(ground_check(&machine.environment, 2000, &error), JOURNAL_RUNS);
    uint64_t requests = store.requests;
    ck_assert_int_eq(ground_check(&machine.environment, 2000, &error), JOURNAL_RUNS);
    ck_assert_uint_eq(store.requests, requests + 1); /* not tested again */
    ck_assert(ground_read(&machine.environment, 2000, &ground, &error));
    ck_assert_uint_eq(ground.contenders, STORE_CONTENDERS);
    ck_assert_uint_eq(ground.place.bytes[0], 1);
    machine.environment.place.bytes[0] = 2;
    ck_assert_int_eq(ground_check(&machine.environment, 2000, &error), JOURNAL_IS_COPY);
    machine.environment.place.bytes[0] = 1;
    memory_find(&store, GROUND_NAME)->body.data[20] ^= 1;
    ck_assert_int_eq(ground_check(&machine.environment, 2000, &error), JOURNAL_GROUND_MISSING);
    struct store_test test;
    ck_assert(ground_test_again(&machine.environment, true, &test, &error));
    ck_assert_int_eq(ground_check(&machine.environment, 2000, &error), JOURNAL_RUNS);
    memory_remove(&store, GROUND_NAME);
    memory_put(&store, BELL_NAME, SPAN("bell"));
    ck_assert_int_eq(ground_check(&machine.environment, 2000, &error), JOURNAL_GROUND_MISSING);
}

START_TEST(a_passed_test_is_remembered_with_its_place)
{
    run(remembers);
}
END_TEST

static void add_refused(struct machine *refused)
{
    struct buffer ops = {0};
    struct error error;
    op_put_counter_add(&ops, SPACE_TEST, SPAN("sums"), SPAN("all"), 1);
    struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(refused->journal, &batch, &error).outcome, JOURNAL_REFUSED);
    buffer_free(&ops);
}

static void runs_only_on_good_ground(void)
{
    static struct machine other;
    store.ignores_replace_condition = true;
    machine_start(&other, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_STORE_BROKEN), JOURNAL_STORE_BROKEN);
    ck_assert_ptr_nonnull(strstr(journal_condition_detail(other.journal), "ignores If-Match"));
    add_refused(&other);
    ck_assert_uint_eq(store.count, 0); /* no head was made */
    machine_stop(&other);

    store.ignores_replace_condition = false;
    machine_start(&other, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&other, 5);
    machine_fold(&other, 3);
    machine_stop(&other);

    /* the same bytes at another place: served, not written to */
    machine_start(&other, &store, 2);
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_IS_COPY), JOURNAL_IS_COPY);
    while (journal_state(other.journal) == NULL)
        pause_ms(5);
    ck_assert_int_eq(machine_sum(&other), 5);
    uint64_t writes = store.writes;
    add_refused(&other);
    pause_ms(200);
    ck_assert_uint_eq(store.writes, writes);
    machine_stop(&other);

    memory_remove(&store, GROUND_NAME);
    machine_start(&other, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_GROUND_MISSING), JOURNAL_GROUND_MISSING);
    add_refused(&other);
    struct store_test test;
    struct error error;
    ck_assert(ground_test_again(&other.environment, true, &test, &error));
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_RUNS), JOURNAL_RUNS); /* without a restart */
    machine_add(&other, 1);
    machine_stop(&other);
    store.scheduler = &machine.scheduler.base;
}

START_TEST(a_journal_writes_only_on_ground_that_was_tested)
{
    run(runs_only_on_good_ground);
}
END_TEST

static void waits_for_permission(void)
{
    static struct machine other;
    store.refuses_writes = true;
    machine_start(&other, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_STORE_BROKEN), JOURNAL_STORE_BROKEN);
    store.refuses_writes = false;
    ck_assert_int_eq(machine_wait_condition(&other, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&other, 1);
    machine_stop(&other);
    store.scheduler = &machine.scheduler.base;
}

START_TEST(a_refusal_may_be_mended)
{
    run(waits_for_permission);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capability");
    TCase *tests = tcase_create("capability");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_good_store_passes);
    tcase_add_test(tests, lost_answers_prove_nothing);
    tcase_add_test(tests, silence_is_no_verdict);
    tcase_add_test(tests, each_broken_promise_is_named);
    tcase_add_test(tests, several_winners_of_a_race_are_found);
    tcase_add_test(tests, a_passed_test_is_remembered_with_its_place);
    tcase_add_test(tests, a_journal_writes_only_on_ground_that_was_tested);
    tcase_add_test(tests, a_refusal_may_be_mended);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
