/* tests/unit/journal/operator_test.c -- what an operator does, on a real folder: its store keeps every promise, a lost
 * head is restored, and a snapshot shows the journal while it works. */
#include "journal/repair/restore.h"
#include "journal/report/report.h"
#include "tests/unit/journal/folder_machine.h"

#include <stdlib.h>

static void start(struct folder_machine *machine, struct bucket_store *objects)
{
    const struct journal_options options = {.fold_gap_ms = 50, .poll_ms = 20, .fold_age_ms = 20, .may_seed = true};
    folder_machine_start(machine, objects, &options);
    ck_assert_str_eq(journal_condition_name(folder_machine_wait(machine)), "running");
}

static void look(struct bucket_store *objects, bool verify, struct journal_report *ret_report)
{
    struct folder_machine machine;
    struct error error;
    folder_machine_prepare(&machine, objects);
    if (!report_of_store(&machine.environment, verify, NULL, ret_report, &error))
        ck_abort_msg("%s", error.message);
    folder_machine_stop(&machine);
}

static void test_promises(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct folder_machine machine;
    struct store_test test;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    folder_machine_prepare(&machine, objects);
    for (unsigned i = 0; i < 3; i++)
        ck_assert_msg(store_test_run(&machine.environment, &test, &error), "%s", error.message);
    bool is_empty = false;
    ck_assert(ground_is_empty(&machine.environment, 5000, &is_empty));
    ck_assert(is_empty);
    folder_machine_stop(&machine);
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
    struct folder_machine machine;
    struct restore_plan *plan = calloc(1, sizeof *plan);
    struct journal_id lineage;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start(&machine, objects);
    for (unsigned i = 0; i < 40; i++)
        ck_assert(folder_machine_add(&machine, 1));
    folder_machine_stop(&machine);
    look(objects, true, &report);
    ck_assert(report_is_sound(&report));
    report_free(&report);

    ck_assert(try_delete(objects, SYSTEM, text(HEAD_NAME), &error));
    look(objects, true, &report);
    ck_assert_int_eq(report.condition, JOURNAL_HEAD_MISSING);
    ck_assert(!report_is_sound(&report));
    report_free(&report);
    folder_machine_prepare(&machine, objects);
    ck_assert_msg(restore_plan(&machine.environment, RESTORE_LOST_HEAD, plan, &error), "%s", error.message);
    ck_assert_msg(restore_execute(&machine.environment, plan, &lineage, &error), "%s", error.message);
    folder_machine_stop(&machine);
    look(objects, true, &report);
    ck_assert(report_is_sound(&report));
    ck_assert_mem_eq(&report.head.lineage, &lineage, sizeof lineage);
    report_free(&report);
    start(&machine, objects);
    ck_assert(folder_machine_add(&machine, 2));
    ck_assert_int_eq(folder_machine_sum(&machine), 42);
    folder_machine_stop(&machine);
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
    struct folder_machine machine;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start(&machine, objects);
    uint64_t generation = 0;
    for (unsigned i = 0; i < 60; i++) {
        ck_assert(folder_machine_add(&machine, 1));
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
    folder_machine_stop(&machine);
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
