/* tests/unit/journal/versions_test.c -- heads of an older and of a later version (J40). */
#include "journal/settings/change.h"
#include "tests/unit/journal/restore_fixture.h"

enum { BUCKET = 7, SETTING = 3, CHANGE_MS = 60000 };

/* The head as it is, but for the kinds of ops that it permits. */
static void put_head_that_permits(uint32_t op_kind_last)
{
    static struct head head;
    struct buffer body = {0};
    struct error error;
    body.limit = HEAD_BYTES_MAX;
    ck_assert(head_decode(buffer_span(&memory_find(&store, HEAD_NAME)->body), &head, &error));
    head.op_kind_last = op_kind_last;
    ck_assert(head_encode(&head, &body, &error));
    memory_put(&store, HEAD_NAME, buffer_span(&body));
    buffer_free(&body);
}

static void upgrades(void)
{
    static struct machine process;
    struct error error;
    const struct setting_change change = {.setting = SETTING, .is_set = true, .record = {1, 2, 3}};
    live(&store, 1, 5, 10, 4);
    put_head_that_permits(OP_RELEASE);
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    uint64_t generation = journal_head(process.journal)->generation;
    bool is_done = settings_change(process.journal, &process.environment, BUCKET, &change, 1,
                                   deadline_after_ms(CHANGE_MS), &error);
    ck_assert_msg(is_done, "%s", is_done ? "" : error.message);
    ck_assert_uint_eq(journal_head(process.journal)->op_kind_last, OP_KIND_LAST);
    ck_assert_uint_gt(journal_head(process.journal)->generation, generation);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 50);
    expect_sound(&store, 1);
}

START_TEST(a_head_of_an_older_version_is_followed_by_one_that_permits_more)
{
    run(upgrades);
}
END_TEST

static void stops(void)
{
    live(&store, 1, 5, 10, 4);
    put_head_that_permits(OP_KIND_LAST + 1);
    expect_stopped(JOURNAL_HEAD_NEWER);
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_UNSUPPORTED, "permits ops of a later version");
    expect_no_plan(RESTORE_ADOPTION, ERROR_UNSUPPORTED, "permits ops of a later version");
}

START_TEST(a_head_that_permits_what_is_not_known_stops_a_replica)
{
    run(stops);
}
END_TEST

/* It has served an older head, and goes on to serve it. */
static void is_overtaken(void)
{
    static struct machine process;
    struct error error;
    live(&store, 1, 5, 10, 4);
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    put_head_that_permits(OP_KIND_LAST + 1);
    ck_assert(!journal_flush(process.journal, &error));
    ck_assert_int_eq(journal_condition(process.journal), JOURNAL_HEAD_NEWER);
    ck_assert_int_eq(machine_sum(&process), 50);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
}

START_TEST(a_replica_that_is_overtaken_serves_what_it_knows)
{
    run(is_overtaken);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal-versions");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_head_of_an_older_version_is_followed_by_one_that_permits_more);
    tcase_add_test(tests, a_head_that_permits_what_is_not_known_stops_a_replica);
    tcase_add_test(tests, a_replica_that_is_overtaken_serves_what_it_knows);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
