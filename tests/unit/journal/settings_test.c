/* tests/unit/journal/settings_test.c -- settings that two replicas change: nobody loses, the last one counts, whole. */
#include "journal/settings/change.h"
#include "tests/unit/journal/restore_fixture.h"

enum { CALLERS = 20, ROUNDS = 5, BUCKET = 7, SETTING = 3, CHANGE_MS = 60000 };

static struct machine replicas[2];

static void start_both(void)
{
    for (unsigned i = 0; i < 2; i++) {
        machine_start(&replicas[i], &store, 1);
        ck_assert_int_eq(machine_wait_condition(&replicas[i], JOURNAL_RUNS), JOURNAL_RUNS);
    }
}

static void stop_both(void)
{
    machine_stop(&replicas[0]);
    machine_stop(&replicas[1]);
    store.scheduler = &machine.scheduler.base;
}

static bool try_change(unsigned replica, const struct setting_change *changes, unsigned count, struct error *error)
{
    return settings_change(replicas[replica].journal, &replicas[replica].environment, BUCKET, changes, count,
                           deadline_after_ms(CHANGE_MS), error);
}

static void change(unsigned replica, uint64_t document)
{
    struct error error;
    const struct setting_change change = {
        .setting = SETTING, .is_set = document != 0, .record = {document, document + 1, (uint32_t)document + 2}};
    bool is_done = try_change(replica, &change, 1, &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error.message);
}

/* 0: unset. What the replica shows, without asking anybody. */
static uint64_t shown(unsigned replica, uint8_t setting)
{
    struct setting_record record;
    if (!setting_record_find(journal_state(replicas[replica].journal), BUCKET, setting, &record))
        return 0;
    ck_assert_uint_eq(record.crc64, record.document + 1);
    ck_assert_uint_eq(record.bytes, record.document + 2);
    return record.document;
}

static void flush_both(void)
{
    struct error error;
    for (unsigned i = 0; i < 2; i++)
        while (!journal_flush(replicas[i].journal, &error))
            pause_ms(1);
}

/* ---- one after another ---- */

static void in_turn(void)
{
    start_both();
    change(0, 11);
    ck_assert_uint_eq(shown(0, SETTING), 11);
    uint64_t stamp = settings_stamp(journal_state(replicas[0].journal));
    change(1, 22); /* its view need not have the first one yet */
    ck_assert_uint_eq(shown(1, SETTING), 22);
    flush_both();
    ck_assert_uint_eq(shown(0, SETTING), 22);
    ck_assert(settings_stamp(journal_state(replicas[0].journal)) != stamp);
    change(0, 33);
    change(1, 0); /* nor what it removes */
    flush_both();
    ck_assert_uint_eq(shown(0, SETTING), 0);
    change(1, 0);
    change(0, 44);
    change(0, 44); /* as if the first had not been answered */
    change(0, 22); /* what was there before, and is less by its digest */
    change(0, 44);
    machine_fold(&replicas[0], 12);
    ck_assert_uint_eq(shown(0, SETTING), 44);
    stop_both();
}

START_TEST(one_replica_after_the_other)
{
    run(in_turn);
}
END_TEST

/* ---- at once ---- */

static unsigned callers_left;

static void call(void *argument)
{
    uint64_t caller = (uint64_t)(uintptr_t)argument;
    for (uint64_t round = 1; round <= ROUNDS; round++)
        change(caller % 2, caller * 100 + round);
    callers_left--;
}

static void at_once(void)
{
    start_both();
    callers_left = CALLERS;
    for (uintptr_t caller = 1; caller <= CALLERS; caller++)
        spawn("caller", call, (void *)caller);
    while (callers_left > 0)
        pause_ms(5);
    flush_both();
    ck_assert_uint_ne(shown(0, SETTING), 0);
    ck_assert_uint_eq(shown(0, SETTING), shown(1, SETTING));
    ck_assert(replicas[0].environment.scheduler != replicas[1].environment.scheduler);
    stop_both();
}

START_TEST(all_succeed_and_one_is_the_last)
{
    run(at_once);
}
END_TEST

/* ---- several settings of a new bucket ---- */

static void together(void)
{
    struct error error;
    const struct setting_change changes[] = {{.setting = 1, .is_set = true, .record = {1, 2, 3}},
                                             {.setting = 5, .is_set = true, .record = {5, 6, 7}}};
    start_both();
    ck_assert(try_change(0, changes, 2, &error));
    ck_assert_uint_eq(shown(0, 1), 1);
    ck_assert_uint_eq(shown(0, 5), 5);
    ck_assert_uint_eq(shown(0, SETTING), 0);
    stop_both();
}

START_TEST(several_in_one_step)
{
    run(together);
}
END_TEST

/* ---- a bucket that goes ---- */

static void removed(void)
{
    struct error error;
    start_both();
    change(0, 11);
    change(1, 0);
    ck_assert(settings_are_known(journal_state(replicas[1].journal), BUCKET)); /* as one that has been unset */
    ck_assert(settings_remove_bucket(replicas[0].journal, &replicas[0].environment, BUCKET,
                                     deadline_after_ms(CHANGE_MS), &error));
    flush_both();
    for (unsigned i = 0; i < 2; i++)
        ck_assert(!settings_are_known(journal_state(replicas[i].journal), BUCKET));
    ck_assert(settings_remove_bucket(replicas[1].journal, &replicas[1].environment, BUCKET,
                                     deadline_after_ms(CHANGE_MS), &error));
    const struct setting_change unset = {.setting = SETTING};
    ck_assert(try_change(1, &unset, 1, &error));
    ck_assert_uint_eq(journal_counters(replicas[1].journal)->batches_committed, 1); /* these two had nothing to do */
    stop_both();
}

START_TEST(a_bucket_that_is_gone_leaves_no_record)
{
    run(removed);
}
END_TEST

/* ---- answers that get lost ---- */

static void with_losses(void)
{
    struct error error;
    start_both();
    store.lost_permille = 100;
    unsigned done = 0;
    for (uint64_t document = 1; document <= 30; document++) {
        const struct setting_change change = {
            .setting = SETTING, .is_set = true, .record = {document, document + 1, (uint32_t)document + 2}};
        if (!try_change(document % 2, &change, 1, &error)) {
            ck_assert_int_eq(error.kind, ERROR_BUSY);
            continue;
        }
        done++;
        ck_assert_uint_eq(shown(document % 2, SETTING), document);
    }
    ck_assert_uint_gt(done, 0);
    store.lost_permille = 0;
    change(0, 1000);
    flush_both();
    ck_assert_uint_eq(shown(1, SETTING), 1000);
    stop_both();
}

START_TEST(what_is_answered_holds_whatever_gets_lost)
{
    run(with_losses);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal-settings");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, one_replica_after_the_other);
    tcase_add_test(tests, all_succeed_and_one_is_the_last);
    tcase_add_test(tests, several_in_one_step);
    tcase_add_test(tests, a_bucket_that_is_gone_leaves_no_record);
    tcase_add_test(tests, what_is_answered_holds_whatever_gets_lost);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
