/* tests/unit/journal/quarantine_test.c -- a segment that is damaged is set aside, and released. */
#include "tests/unit/journal/restore_fixture.h"

/* Leaves a committed segment that no fold has taken, damaged. */
static struct segment_key damage_live_segment(struct buffer *ret_good)
{
    static struct machine process;
    struct segment_key key;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&process, 10);
    machine_fold(&process, 2);
    struct memory_object *newest;
    uint64_t generation;
    do { /* until the last addition is not folded */
        machine_add(&process, 1000);
        newest = memory_last(&store, SEGMENTS_PREFIX);
        ck_assert(segment_name_parse(span_from_string(newest->name), &key));
        generation = journal_head(process.journal)->generation;
    } while (key.base < generation);
    buffer_append(ret_good, buffer_span(&newest->body));
    newest->body.data[newest->body.size - 1] ^= 0x10;
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    return key;
}

static void wait_for_quarantine(struct machine *process, unsigned count)
{
    for (unsigned i = 0; i < 1000 && journal_head(process->journal)->quarantine_count != count; i++)
        pause_ms(5);
    ck_assert_uint_eq(journal_head(process->journal)->quarantine_count, count);
}

static void release(struct machine *process, const struct segment_key *key)
{
    struct buffer ops = {0};
    struct error error;
    op_put_release(&ops, key);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(process->journal, &batch, &error).outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
    wait_for_quarantine(process, 0);
}

static void quarantines(bool comes_back)
{
    static struct machine process;
    struct buffer good = {0};
    struct segment_key key = damage_live_segment(&good);
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(&key, name);
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    wait_for_quarantine(&process, 1);
    int64_t without = machine_sum(&process);
    ck_assert_uint_gt(journal_counters(process.journal)->alarms[ALARM_SEGMENT_DAMAGED], 0);
    machine_add(&process, 5); /* everything else goes on */
    machine_fold(&process, 12);
    ck_assert_int_eq(machine_sum(&process), without + 5);
    ck_assert_int_eq(journal_resolve(process.journal, &key).outcome, JOURNAL_DAMAGED);
    ck_assert_ptr_nonnull(memory_find(&store, name)); /* never deleted */
    if (comes_back) {
        memory_put(&store, name, buffer_span(&good));
        machine_fold(&process, 3);
        ck_assert_int_eq(machine_sum(&process), without + 5); /* only through the op */
    }
    release(&process, &key);
    ck_assert_int_eq(machine_sum(&process), without + 5 + (comes_back ? 1000 : 0));
    machine_fold(&process, 5);
    ck_assert_int_eq(machine_sum(&process), without + 5 + (comes_back ? 1000 : 0));
    ck_assert_ptr_null(memory_find(&store, name)); /* cleanup takes it now */
    ck_assert_uint_eq(journal_counters(process.journal)->alarms[ALARM_DIGEST], 0);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), without + 5 + (comes_back ? 1000 : 0));
    expect_sound(&store, 1);
    buffer_free(&good);
}

static void gives_up(void)
{
    quarantines(false);
}

static void takes_back(void)
{
    quarantines(true);
}

START_TEST(a_released_segment_is_given_up_while_damaged)
{
    run(gives_up);
}
END_TEST

START_TEST(a_released_segment_counts_when_it_is_good_again)
{
    run(takes_back);
}
END_TEST

/* Released within the window: it stays aside until nobody can fold it any more. */
static void releases_early(void)
{
    static struct machine process;
    struct buffer good = {0};
    struct segment_key key = damage_live_segment(&good);
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    wait_for_quarantine(&process, 1);
    release(&process, &key);
    const struct head *head = journal_head(process.journal);
    ck_assert_uint_lt(key.base, head_window_begin(head));
    ck_assert_uint_eq(journal_counters(process.journal)->quarantined, 1);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    buffer_free(&good);
}

START_TEST(a_release_within_the_window_waits_for_its_end)
{
    run(releases_early);
}
END_TEST

/* ---- more than it has room for ---- */

enum { TOO_MANY = HEAD_QUARANTINE_MAX + 40 };

static struct segment_key foreign_key(uint64_t base, uint32_t number)
{
    return (struct segment_key){base, 1 + number, {{0xee}}, 1};
}

/* Somebody puts what is no segment under the names of segments, in front of all that this generation's writers write.
 */
static void put_foreign(uint64_t base)
{
    char name[JOURNAL_NAME_BYTES];
    for (uint32_t i = 0; i < TOO_MANY; i++) {
        struct segment_key key = foreign_key(base, i);
        segment_name_format(&key, name);
        memory_put(&store, name, SPAN("no segment"));
    }
}

static void expect_foreign(uint64_t base, unsigned quarantined)
{
    char name[JOURNAL_NAME_BYTES];
    unsigned there = 0;
    for (uint32_t i = 0; i < TOO_MANY; i++) {
        struct segment_key key = foreign_key(base, i);
        segment_name_format(&key, name);
        there += memory_find(&store, name) != NULL;
    }
    ck_assert_uint_eq(there, quarantined);
}

static void overflows(void)
{
    static struct machine process;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&process, 10);
    machine_fold(&process, 2);
    uint64_t base = journal_head(process.journal)->generation;
    put_foreign(base);
    machine_add(&process, 5);
    machine_fold(&process, 12);
    const struct head *head = journal_head(process.journal);
    const struct journal_counters *counters = journal_counters(process.journal);
    ck_assert_int_eq(machine_sum(&process), 15);
    ck_assert_uint_eq(head->quarantine_count, HEAD_QUARANTINE_MAX);
    ck_assert_uint_eq(counters->given_up, TOO_MANY - HEAD_QUARANTINE_MAX);
    ck_assert_uint_eq(head->missing_count, TOO_MANY - HEAD_QUARANTINE_MAX);
    ck_assert_uint_gt(counters->alarms[ALARM_SEGMENT_MISSING], 0);
    ck_assert_uint_eq(counters->alarms[ALARM_DIGEST], 0);
    struct segment_key last = foreign_key(base, TOO_MANY - 1); /* it is decided, and nobody takes it for folded */
    ck_assert_int_ne(journal_resolve(process.journal, &last).outcome, JOURNAL_COMMITTED);
    expect_foreign(base, HEAD_QUARANTINE_MAX); /* what was given up is cleaned up */
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 15);
}

START_TEST(folds_go_on_when_the_quarantine_is_full)
{
    run(overflows);
}
END_TEST

static void restores_too_much_damage(void)
{
    struct restore_plan plan;
    live(&store, 1, 3, 10, 2);
    struct segment_key newest;
    ck_assert(segment_name_parse(span_from_string(memory_last(&store, SEGMENTS_PREFIX)->name), &newest));
    put_foreign(newest.base);
    memory_remove(&store, HEAD_NAME);
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert_uint_eq(plan.damaged, TOO_MANY);
    ck_assert_uint_eq(plan.given_up, TOO_MANY - HEAD_QUARANTINE_MAX);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 30);
}

START_TEST(a_restore_goes_on_when_the_quarantine_is_full)
{
    run(restores_too_much_damage);
}
END_TEST

/* ---- and a lost head ---- */

static void restores_damage(void)
{
    struct buffer good = {0};
    struct restore_plan plan;
    struct segment_key key = damage_live_segment(&good);
    memory_remove(&store, HEAD_NAME);
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert_uint_eq(plan.damaged, 1);
    restore_now(RESTORE_LOST_HEAD);
    static struct machine process;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    ck_assert_uint_eq(journal_head(process.journal)->quarantine_count, 1);
    ck_assert_int_eq(journal_resolve(process.journal, &key).outcome, JOURNAL_DAMAGED);
    release(&process, &key);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    expect_sound(&store, 1);
    buffer_free(&good);
}

START_TEST(a_restore_keeps_damage_aside)
{
    run(restores_damage);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quarantine");
    TCase *tests = tcase_create("quarantine");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_released_segment_is_given_up_while_damaged);
    tcase_add_test(tests, a_released_segment_counts_when_it_is_good_again);
    tcase_add_test(tests, a_release_within_the_window_waits_for_its_end);
    tcase_add_test(tests, a_restore_keeps_damage_aside);
    tcase_add_test(tests, folds_go_on_when_the_quarantine_is_full);
    tcase_add_test(tests, a_restore_goes_on_when_the_quarantine_is_full);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
