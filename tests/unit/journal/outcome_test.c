/* tests/unit/journal/outcome_test.c -- what a caller is told of a batch whose PUT the store refused. */
#include "tests/unit/journal/restore_fixture.h"

static struct journal_answer submit(struct machine *process, uint64_t *ret_took_ms)
{
    struct buffer ops = {0};
    struct error error;
    op_put_counter_add(&ops, SPACE_TEST, SPAN("sums"), SPAN("all"), 7);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    uint64_t began = clock_monotonic_ns(clock_system());
    struct journal_answer answer = journal_submit(process->journal, &batch, &error);
    *ret_took_ms = (clock_monotonic_ns(clock_system()) - began) / 1000000;
    buffer_free(&ops);
    return answer;
}

/* It may be executed once more, and not be refused then: so it is not "nothing was written". But nobody waits for what
 * will not come either. */
static void is_refused(void)
{
    static struct machine process;
    uint64_t took_ms;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&process, 10);
    store.refuses_writes = true;
    struct journal_answer answer = submit(&process, &took_ms);
    ck_assert_int_eq(answer.outcome, JOURNAL_UNKNOWN);
    ck_assert(answer.has_key);
    ck_assert_uint_lt(took_ms, 2900); /* decide_ms is 3000 */
    store.refuses_writes = false;
    machine_fold(&process, 6);
    ck_assert_int_eq(journal_resolve(process.journal, &answer.key).outcome, JOURNAL_REJECTED);
    ck_assert_int_eq(machine_sum(&process), 10);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
}

START_TEST(a_refused_put_leaves_the_outcome_open)
{
    run(is_refused);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outcome");
    TCase *tests = tcase_create("outcome");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_refused_put_leaves_the_outcome_open);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
