/* tests/unit/journal/operator_test.c -- what an operator does, on a real folder: its store keeps every promise, a lost
 * head is restored, and a snapshot shows the journal while it works. */
#include "journal/fiber_scheduler.h"
#include "journal/home.h"
#include "journal/repair/restore.h"
#include "journal/report/report.h"
#include "tests/unit/embedded/fixture.h"

#include <stdlib.h>

#define SYSTEM JOURNAL_SYSTEM_BUCKET

struct machine {
    struct fiber_scheduler scheduler;
    struct journal_bucket *bucket;
    struct journal_environment environment;
    struct journal *journal;
};

static void prepare(struct machine *machine, struct bucket_store *objects)
{
    *machine = (struct machine){0};
    fiber_scheduler_init(&machine->scheduler);
    machine->bucket = journal_bucket_open(objects, SYSTEM, SPAN_EMPTY);
    machine->environment = (struct journal_environment){.store = journal_bucket_store(machine->bucket),
                                                        .clock = clock_system(),
                                                        .random = random_system(),
                                                        .scheduler = &machine->scheduler.base};
    embedded_id(objects, machine->environment.place.bytes);
}

static void start(struct machine *machine, struct bucket_store *objects)
{
    prepare(machine, objects);
    const struct journal_options options = {.fold_gap_ms = 50, .poll_ms = 20, .fold_age_ms = 20, .may_seed = true};
    machine->journal = journal_open(&machine->environment, &options);
    for (unsigned i = 0; i < 2000 && journal_condition(machine->journal) != JOURNAL_RUNS; i++)
        (void)machine->scheduler.base.sleep_until(&machine->scheduler.base, deadline_after_ms(5));
    ck_assert_str_eq(journal_condition_name(journal_condition(machine->journal)), "running");
}

static void stop(struct machine *machine)
{
    if (machine->journal != NULL)
        journal_stop(machine->journal);
    ck_assert(fiber_scheduler_stop(&machine->scheduler, deadline_after_ms(20000)));
    if (machine->journal != NULL)
        journal_free(machine->journal);
    journal_bucket_close(machine->bucket);
}

static void add(struct machine *machine, int64_t amount)
{
    struct buffer ops = {0};
    struct error error;
    op_put_counter_add(&ops, SPACE_TEST, text("sums"), text("all"), amount);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = {.outcome = JOURNAL_REJECTED};
    for (unsigned i = 0; i < 20 && answer.outcome == JOURNAL_REJECTED; i++)
        answer = journal_submit(machine->journal, &batch, &error);
    ck_assert_int_eq(answer.outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
}

static int64_t sum(const struct machine *machine)
{
    return state_counter(journal_state(machine->journal), SPACE_TEST, text("sums"), text("all"));
}

static void look(struct bucket_store *objects, bool verify, struct journal_report *ret_report)
{
    struct machine machine;
    struct error error;
    prepare(&machine, objects);
    if (!report_of_store(&machine.environment, verify, NULL, ret_report, &error))
        ck_abort_msg("%s", error.message);
    stop(&machine);
}

static void test_promises(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct machine machine;
    struct store_test test;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    prepare(&machine, objects);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_msg(store_test_run(&machine.environment, &test, &error), "%s", error.message);
    bool is_empty = false;
    ck_assert(ground_is_empty(&machine.environment, 5000, &is_empty));
    ck_assert(is_empty);
    stop(&machine);
    ck_assert(bucket_delete(objects, SYSTEM, &error)); /* nothing is left behind */
}

START_TEST(the_embedded_store_keeps_every_promise)
{
    with_new_store(test_promises, NULL);
}
END_TEST

static void restore_folder(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct journal_report report;
    struct machine machine;
    struct restore_plan *plan = calloc(1, sizeof *plan);
    struct journal_id lineage;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start(&machine, objects);
    for (unsigned i = 0; i < 40; i++)
        add(&machine, 1);
    stop(&machine);
    look(objects, true, &report);
    ck_assert(report_is_sound(&report));
    report_free(&report);

    ck_assert(try_delete(objects, SYSTEM, text(HEAD_NAME), &error));
    look(objects, true, &report);
    ck_assert_int_eq(report.condition, JOURNAL_HEAD_MISSING);
    ck_assert(!report_is_sound(&report));
    report_free(&report);
    prepare(&machine, objects);
    ck_assert_msg(restore_plan(&machine.environment, RESTORE_LOST_HEAD, plan, &error), "%s", error.message);
    ck_assert_msg(restore_execute(&machine.environment, plan, &lineage, &error), "%s", error.message);
    stop(&machine);
    look(objects, true, &report);
    ck_assert(report_is_sound(&report));
    ck_assert_mem_eq(&report.head.lineage, &lineage, sizeof lineage);
    report_free(&report);
    start(&machine, objects);
    add(&machine, 2);
    ck_assert_int_eq(sum(&machine), 42);
    stop(&machine);
    free(plan);
}

START_TEST(a_folder_whose_journal_lost_its_head_is_restored)
{
    with_new_store(restore_folder, NULL);
}
END_TEST

static void look_meanwhile(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct journal_report report;
    struct machine machine;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start(&machine, objects);
    uint64_t generation = 0;
    for (unsigned i = 0; i < 60; i++) {
        add(&machine, 1);
        struct bucket_store *snapshot = embedded_snapshot(objects, &error);
        ck_assert_ptr_nonnull(snapshot);
        look(snapshot, true, &report);
        embedded_close(snapshot);
        ck_assert(report_is_sound(&report));
        ck_assert_uint_ge(report.head.generation, generation);
        generation = report.head.generation;
        report_free(&report);
        look(objects, false, &report); /* the same without a moment of its own */
        ck_assert_int_eq(report.condition, JOURNAL_RUNS);
        report_free(&report);
    }
    ck_assert_uint_gt(generation, 2);
    stop(&machine);
}

START_TEST(a_snapshot_shows_a_sound_journal_at_work)
{
    with_new_store(look_meanwhile, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("operator");
    TCase *tests = tcase_create("operator");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, the_embedded_store_keeps_every_promise);
    tcase_add_test(tests, a_folder_whose_journal_lost_its_head_is_restored);
    tcase_add_test(tests, a_snapshot_shows_a_sound_journal_at_work);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
