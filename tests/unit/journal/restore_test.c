/* tests/unit/journal/restore_test.c -- a journal whose head is lost, damaged or put back goes on from a copy of it. */
#include "codec/format/crc.h"
#include "journal/report/report.h"
#include "tests/unit/journal/restore_fixture.h"

#include <stdlib.h>

static void loses_head(void)
{
    struct restore_plan plan;
    struct buffer text = {0};
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_NOT_FOUND, "no journal here");
    live(&store, 1, 5, 10, 6);
    live(&store, 1, 3, 1, 0); /* most likely not folded */
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_CONFLICT, "a good head is there");
    memory_remove(&store, HEAD_NAME);
    expect_stopped(JOURNAL_HEAD_MISSING);
    uint64_t writes = store.writes;
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert_uint_eq(store.writes, writes);
    ck_assert_int_eq(plan.found, JOURNAL_HEAD_MISSING);
    ck_assert(plan.is_from_copy);
    ck_assert_uint_gt(plan.new_generation, plan.newest_seen + 8);
    restore_describe(&plan, &text);
    buffer_append_byte(&text, '\0');
    ck_assert_ptr_nonnull(strstr((char *)text.data, "has lost its head"));
    ck_assert_ptr_nonnull(strstr((char *)text.data, "Nothing that was acknowledged is lost"));
    buffer_free(&text);
    restore_now(RESTORE_LOST_HEAD);
    expect_sound(&store, 1);
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_CONFLICT, "a good head is there");
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 53);
    live(&store, 1, 2, 100, 12);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 253);
    expect_sound(&store, 1);
    /* what the old lineage left is gone */
    ck_assert_uint_gt(strtoull(memory_first(&store, HEADS_PREFIX)->name + 6, NULL, 16), plan.newest_seen);
}

START_TEST(a_lost_head_is_restored)
{
    run(loses_head);
}
END_TEST

static void damages_head(void)
{
    live(&store, 1, 5, 10, 6);
    memory_find(&store, HEAD_NAME)->body.data[40] ^= 4;
    expect_stopped(JOURNAL_HEAD_DAMAGED);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 50);

    memory_find(&store, HEAD_NAME)->body.size = 0;
    expect_stopped(JOURNAL_HEAD_DAMAGED);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 50);
    expect_sound(&store, 1);
}

START_TEST(a_damaged_head_is_restored)
{
    run(damages_head);
}
END_TEST

static void puts_back_an_older_head(void)
{
    live(&store, 1, 5, 10, 4);
    struct buffer older = {0};
    buffer_append(&older, buffer_span(&memory_find(&store, HEAD_NAME)->body));
    live(&store, 1, 5, 10, 20); /* beyond the horizon */
    memory_put(&store, HEAD_NAME, buffer_span(&older));
    buffer_free(&older);
    expect_stopped(JOURNAL_WENT_BACK);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 100);
    expect_sound(&store, 1);
}

/* Keeps a head, then adds 7 until a segment of the generation behind it is there; returns how often. Not more than one
 * generation goes by: what the kept head names, and what it does not cover, is there still. */
static unsigned outlive_head(struct buffer *ret_older)
{
    static struct machine process;
    struct segment_key key;
    unsigned additions = 0;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    uint64_t generation = 0;
    do {
        uint64_t now = journal_head(process.journal)->generation;
        if (generation == 0 || now > generation + 1) {
            buffer_clear(ret_older);
            buffer_append(ret_older, buffer_span(&memory_find(&store, HEAD_NAME)->body));
            generation = now;
        }
        machine_add(&process, 7);
        additions++;
        ck_assert(segment_name_parse(span_from_string(memory_last(&store, SEGMENTS_PREFIX)->name), &key));
    } while (key.base != generation + 1);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    return additions;
}

/* All copies are gone, too; a segment that was written under a later head gives it away. */
static void puts_back_an_older_head_alone(void)
{
    struct restore_plan plan;
    struct buffer older = {0};
    live(&store, 1, 5, 10, 4);
    int64_t before = sum_of(&store, 1, JOURNAL_RUNS);
    unsigned additions = outlive_head(&older);
    int64_t after = before + 7 * (int64_t)additions;
    memory_put(&store, HEAD_NAME, buffer_span(&older));
    buffer_free(&older);
    while (memory_first(&store, HEADS_PREFIX) != NULL)
        memory_remove(&store, memory_first(&store, HEADS_PREFIX)->name);
    expect_stopped(JOURNAL_WENT_BACK);
    struct error error;
    static struct journal_report report;
    ck_assert(report_of_store(&machine.environment, false, NULL, &report, &error));
    ck_assert_int_eq(report.condition, JOURNAL_WENT_BACK);
    report_free(&report);
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert(!plan.is_from_copy);
    struct buffer text = {0};
    restore_describe(&plan, &text);
    buffer_append_byte(&text, '\0');
    ck_assert_ptr_nonnull(strstr((char *)text.data, "IS LOST"));
    buffer_free(&text);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), after); /* its segments were still there */
    expect_sound(&store, 1);
}

START_TEST(an_older_head_alone_is_noticed_by_its_segments)
{
    run(puts_back_an_older_head_alone);
}
END_TEST

START_TEST(a_head_that_went_back_is_noticed_and_restored)
{
    run(puts_back_an_older_head);
}
END_TEST

static void meets_newer_head(void)
{
    struct error error;
    live(&store, 1, 5, 10, 4);
    struct memory_object *head = memory_find(&store, HEAD_NAME);
    head->body.data[4] = 2; /* the format; the checksum covers it */
    struct span payload;
    ck_assert(!frame_open(buffer_span(&head->body), HEAD_MAGIC, &payload, &error));
    struct buffer newer = {0};
    size_t begin = frame_begin(&newer);
    buffer_append(&newer, span_skip(buffer_span(&head->body), FRAME_HEADER_BYTES));
    ck_assert(frame_end(&newer, begin, HEAD_MAGIC, &error));
    newer.data[4] = 2;
    store_u32_le(newer.data + 12, crc32c_update(crc32c_update(0, span_of(newer.data, 12)),
                                                span_skip(buffer_span(&newer), FRAME_HEADER_BYTES)));
    memory_put(&store, HEAD_NAME, buffer_span(&newer));
    buffer_free(&newer);
    expect_stopped(JOURNAL_HEAD_NEWER);
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_UNSUPPORTED, "format 2");
}

START_TEST(a_newer_head_is_left_alone)
{
    run(meets_newer_head);
}
END_TEST

static void loses_checkpoint(void)
{
    struct restore_plan plan;
    live(&store, 1, 5, 10, 6);
    live(&store, 1, 1, 7, 3);
    struct memory_object *newest = NULL; /* what only the newest heads name */
    for (unsigned i = 0; i < store.count; i++) {
        if (strstr(store.objects[i].name, "-ledger") != NULL)
            newest = &store.objects[i];
    }
    newest->body.data[20] ^= 1;
    expect_stopped(JOURNAL_CHECKPOINT_LOST);
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert_int_eq(plan.found, JOURNAL_CHECKPOINT_LOST);
    ck_assert(plan.is_from_copy); /* of the newest head there may be none yet */
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 57); /* its segments were still there */
    expect_sound(&store, 1);
}

START_TEST(a_lost_checkpoint_is_restored_from_an_older_one)
{
    run(loses_checkpoint);
}
END_TEST

static void has_no_copies(void)
{
    live(&store, 1, 5, 10, 6);
    memory_remove(&store, HEAD_NAME);
    while (memory_first(&store, HEADS_PREFIX) != NULL)
        memory_remove(&store, memory_first(&store, HEADS_PREFIX)->name);
    expect_stopped(JOURNAL_HEAD_MISSING);
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_NOT_FOUND, "nothing can be restored");
    restore_now(RESTORE_ANEW);
    expect_sound(&store, 1);
    live(&store, 1, 1, 3, 6);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 3);
    expect_no_plan(RESTORE_ANEW, ERROR_CONFLICT, "a good head is there");
    memory_remove(&store, HEAD_NAME);
    expect_no_plan(RESTORE_ANEW, ERROR_CONFLICT, "--restore");
}

START_TEST(without_a_copy_nothing_is_made_up)
{
    run(has_no_copies);
}
END_TEST

static void loses_first_head(void)
{
    live(&store, 1, 4, 5, 0); /* before anything was folded, or soon after */
    memory_remove(&store, HEAD_NAME);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 20);
    memory_remove(&store, HEAD_NAME); /* and the first of the new lineage */
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 20);
}

START_TEST(the_first_head_of_a_lineage_can_be_lost)
{
    run(loses_first_head);
}
END_TEST

/* Two processes seed at once, and the creation of the one that lost lands when the true head is gone. */
static void meets_a_late_first_head(void)
{
    static struct memory_store other;
    static struct journal_report report;
    struct restore_plan plan;
    struct error error;
    memory_store_init(&other, NULL);
    live(&other, 1, 0, 0, 0);
    live(&store, 1, 2, 10, 0);
    memory_put(&store, HEAD_NAME, buffer_span(&memory_find(&other, HEAD_NAME)->body));
    memory_store_free(&other);
    expect_stopped(JOURNAL_WENT_BACK);
    ck_assert(report_of_store(&machine.environment, false, NULL, &report, &error));
    ck_assert_int_eq(report.condition, JOURNAL_WENT_BACK);
    report_free(&report);
    plan_restore(RESTORE_LOST_HEAD, &plan);
    ck_assert(plan.is_from_copy);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 20);
    expect_sound(&store, 1);
}

START_TEST(a_first_head_that_came_late_is_noticed_and_written_over)
{
    run(meets_a_late_first_head);
}
END_TEST

/* A replica that runs while its journal is restored goes no further until it is started again. */
static void restores_below_a_replica(void)
{
    static struct machine process;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&process, 3);
    machine_fold(&process, 4);
    memory_remove(&store, HEAD_NAME);
    struct error error;
    while (journal_flush(process.journal, &error))
        pause_ms(5);
    ck_assert_int_eq(journal_condition(process.journal), JOURNAL_HEAD_MISSING);
    ck_assert_int_eq(machine_sum(&process), 3); /* it is served all the same */
    ck_assert_ptr_null(memory_find(&store, HEAD_NAME));
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_OTHER_LINEAGE), JOURNAL_OTHER_LINEAGE);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 3);
}

START_TEST(a_replica_stops_at_a_new_lineage)
{
    run(restores_below_a_replica);
}
END_TEST

/* ---- before the ground is known ---- */

static enum store_answer (*create_unwatched)(struct journal_store *base, const char *name, struct span body,
                                             deadline_t deadline);
static enum store_answer (*get_ground_too)(struct journal_store *base, const char *name, const struct store_etag *known,
                                           struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline);
static bool is_ground_silent;
static unsigned written_behind_copy, written_before_copy;

static enum store_answer get_without_ground(struct journal_store *base, const char *name,
                                            const struct store_etag *known, struct buffer *ret_body,
                                            struct store_etag *ret_etag, deadline_t deadline)
{
    if (is_ground_silent && strcmp(name, GROUND_NAME) == 0) {
        pause_ms(1);
        return STORE_UNKNOWN;
    }
    return get_ground_too(base, name, known, ret_body, ret_etag, deadline);
}

static enum store_answer create_watched(struct journal_store *base, const char *name, struct span body,
                                        deadline_t deadline)
{
    if (strncmp(name, SEGMENTS_PREFIX, strlen(SEGMENTS_PREFIX)) == 0) {
        written_behind_copy += memory_count(&store, HEADS_PREFIX) > 0;
        written_before_copy += memory_count(&store, HEADS_PREFIX) == 0;
    }
    return create_unwatched(base, name, body, deadline);
}

static void serves_before_it_may_write(void)
{
    static struct machine process;
    live(&store, 1, 0, 0, 0);
    ck_assert_uint_eq(memory_count(&store, HEADS_PREFIX), 1);
    memory_remove(&store, memory_first(&store, HEADS_PREFIX)->name); /* whoever made the head died before */
    create_unwatched = store.base.create;
    get_ground_too = store.base.get;
    store.base.create = create_watched;
    store.base.get = get_without_ground;
    is_ground_silent = true;
    machine_start(&process, &store, 1);
    for (unsigned i = 0; i < 2000 && journal_state(process.journal) == NULL; i++)
        pause_ms(1);
    ck_assert_ptr_nonnull(journal_state(process.journal));
    ck_assert_uint_eq(memory_count(&store, HEADS_PREFIX), 0); /* who may not write does not */
    is_ground_silent = false;
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&process, 5);
    machine_stop(&process);
    store.base.create = create_unwatched;
    store.base.get = get_ground_too;
    store.scheduler = &machine.scheduler.base;
    ck_assert_uint_gt(written_behind_copy, 0);
    ck_assert_uint_eq(written_before_copy, 0);
    memory_remove(&store, HEAD_NAME);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 5);
}

START_TEST(who_serves_before_it_may_write_copies_the_first_head_before_it_does)
{
    run(serves_before_it_may_write);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore");
    TCase *tests = tcase_create("restore");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_lost_head_is_restored);
    tcase_add_test(tests, a_damaged_head_is_restored);
    tcase_add_test(tests, a_head_that_went_back_is_noticed_and_restored);
    tcase_add_test(tests, an_older_head_alone_is_noticed_by_its_segments);
    tcase_add_test(tests, a_newer_head_is_left_alone);
    tcase_add_test(tests, a_lost_checkpoint_is_restored_from_an_older_one);
    tcase_add_test(tests, without_a_copy_nothing_is_made_up);
    tcase_add_test(tests, the_first_head_of_a_lineage_can_be_lost);
    tcase_add_test(tests, a_first_head_that_came_late_is_noticed_and_written_over);
    tcase_add_test(tests, a_replica_stops_at_a_new_lineage);
    tcase_add_test(tests, who_serves_before_it_may_write_copies_the_first_head_before_it_does);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
