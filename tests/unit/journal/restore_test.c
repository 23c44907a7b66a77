/* tests/unit/journal/restore_test.c -- a journal whose head is lost goes on from a copy of it, cut off anywhere and
 * begun again; a copy of a journal goes its own way; what is damaged is set aside and released. */
#include "journal/restore.h"

#include "codec/crc.h"
#include "journal/cold.h"
#include "journal/report.h"
#include "tests/unit/journal/memory_store.h"
#include "tests/unit/runtime/fixture.h"

#include <stdlib.h>

static struct memory_store store;
static struct machine machine; /* an operator's: without a journal */

static void with(void (*body)(void))
{
    memory_store_init(&store, NULL);
    machine_prepare(&machine, &store, 1);
    body();
    machine_stop(&machine);
    memory_store_free(&store);
}

static void run_body(void *argument)
{
    with(*(void (**)(void))argument);
}

static void run(void (*body)(void))
{
    run_on_loop(run_body, &body);
}

/* A process's life: it adds what it is told, and leaves. */
static void live(struct memory_store *in, uint8_t place, unsigned additions, int64_t amount, unsigned generations)
{
    static struct machine process;
    machine_start(&process, in, place);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    for (unsigned i = 0; i < additions; i++)
        machine_add(&process, amount);
    if (generations > 0)
        machine_fold(&process, generations);
    machine_stop(&process);
    in->scheduler = &machine.scheduler.base;
}

/* What a process that starts now says. */
static int64_t sum_of(struct memory_store *in, uint8_t place, enum journal_condition condition)
{
    static struct machine process;
    machine_start(&process, in, place);
    ck_assert_str_eq(journal_condition_name(machine_wait_condition(&process, condition)),
                     journal_condition_name(condition));
    for (unsigned i = 0; i < 1000 && journal_state(process.journal) == NULL; i++)
        pause_ms(1);
    int64_t sum = machine_sum(&process);
    machine_stop(&process);
    in->scheduler = &machine.scheduler.base;
    return sum;
}

static void expect_stopped(enum journal_condition condition)
{
    static struct machine process;
    struct buffer ops = {0};
    struct error error;
    machine_start(&process, &store, 1);
    ck_assert_str_eq(journal_condition_name(machine_wait_condition(&process, condition)),
                     journal_condition_name(condition));
    op_put_counter_add(&ops, SPACE_TEST, SPAN("sums"), SPAN("all"), 1);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(process.journal, &batch, &error).outcome, JOURNAL_REFUSED);
    uint64_t writes = store.writes;
    pause_ms(100);
    ck_assert_uint_eq(store.writes, writes); /* nor does it fold, or make a head */
    buffer_free(&ops);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
}

static void expect_sound(struct memory_store *in, uint8_t place)
{
    static struct journal_report report;
    struct error error;
    struct journal_environment environment = machine.environment;
    environment.store = &in->base;
    environment.place.bytes[0] = place;
    ck_assert(report_of_store(&environment, true, NULL, &report, &error));
    if (!report_is_sound(&report)) {
        struct buffer text = {0};
        report_put_text(&report, &text);
        ck_abort_msg("%.*s", SPAN_FORMAT(buffer_span(&text)));
    }
    report_free(&report);
}

static void plan_restore(enum restore_kind kind, struct restore_plan *ret_plan)
{
    struct error error;
    if (!restore_plan(&machine.environment, kind, ret_plan, &error))
        ck_abort_msg("%s", error.message);
}

static void expect_no_plan(enum restore_kind kind, enum error_kind expected, const char *words)
{
    struct restore_plan plan;
    struct error error;
    ck_assert(!restore_plan(&machine.environment, kind, &plan, &error));
    ck_assert_msg(error.kind == expected && strstr(error.message, words) != NULL, "%d %s", error.kind, error.message);
}

static void restore_now(enum restore_kind kind)
{
    struct restore_plan plan;
    struct journal_id lineage;
    struct error error;
    plan_restore(kind, &plan);
    if (!restore_execute(&machine.environment, &plan, &lineage, &error))
        ck_abort_msg("%s", error.message);
    ck_assert(!journal_id_equal(&lineage, &plan.old_lineage));
}

/* ---- lost heads ---- */

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
    ck_assert_uint_ge(plan.copies_skipped, 1);
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

/* ---- cut off, and twice ---- */

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

/* ---- copies ---- */

static void adopts(void)
{
    struct memory_store copy;
    struct buffer late = {0};
    char name[JOURNAL_NAME_BYTES];
    live(&store, 1, 5, 10, 6);
    live(&store, 1, 1, 3, 0);
    memory_store_init(&copy, &machine.scheduler.base);
    memory_store_copy(&store, &copy);
    ck_assert_int_eq(sum_of(&copy, 2, JOURNAL_IS_COPY), 53); /* served, not written */

    machine.environment.store = &copy.base;
    machine.environment.place.bytes[0] = 2;
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_CONFLICT, "--adopt");
    restore_now(RESTORE_ADOPTION);
    ck_assert_int_eq(sum_of(&copy, 2, JOURNAL_RUNS), 53);

    /* the two go their own ways; what comes late from the one does not count in the other */
    live(&copy, 2, 1, 1000, 0);
    live(&store, 1, 1, 7, 0);
    const struct memory_object *newest = memory_last(&store, SEGMENTS_PREFIX);
    memcpy(name, newest->name, sizeof name);
    buffer_append(&late, buffer_span(&newest->body));
    memory_put(&copy, name, buffer_span(&late));
    ck_assert_int_eq(sum_of(&copy, 2, JOURNAL_RUNS), 1053);
    live(&copy, 2, 0, 0, 10);
    ck_assert_int_eq(sum_of(&copy, 2, JOURNAL_RUNS), 1053);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 60);
    expect_sound(&copy, 2);
    expect_sound(&store, 1);
    buffer_free(&late);
    memory_store_free(&copy);
    machine.environment.store = &store.base;
}

START_TEST(a_copy_is_adopted)
{
    run(adopts);
}
END_TEST

/* An asynchronous copy may lack anything: here the head, and a segment that others follow. */
static void adopts_in_pieces(void)
{
    struct memory_store copy;
    struct restore_plan plan;
    static struct machine process;
    live(&store, 1, 5, 10, 4);
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    while (memory_count(&store, SEGMENTS_PREFIX) < 3) { /* three of one writer that no fold has taken */
        uint64_t generation = journal_head(process.journal)->generation;
        for (unsigned i = 0; i < 3; i++)
            machine_add(&process, 1);
        if (journal_head(process.journal)->generation != generation)
            pause_ms(1);
    }
    memory_store_init(&copy, &machine.scheduler.base);
    memory_store_copy(&store, &copy);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    machine.environment.store = &copy.base;
    machine.environment.place.bytes[0] = 2;
    plan_restore(RESTORE_ADOPTION, &plan);
    uint64_t live_before = plan.segments;
    memory_remove(&copy, HEAD_NAME);
    plan_restore(RESTORE_ADOPTION, &plan);
    ck_assert(plan.is_from_copy);
    ck_assert_uint_ge(plan.segments, live_before);
    restore_now(RESTORE_ADOPTION);
    ck_assert_int_ge(sum_of(&copy, 2, JOURNAL_RUNS), 50);
    expect_sound(&copy, 2);
    memory_store_free(&copy);
    machine.environment.store = &store.base;
}

START_TEST(a_copy_without_its_head_is_adopted)
{
    run(adopts_in_pieces);
}
END_TEST

static void adoption_dies(void)
{
    struct restore_plan plan;
    struct journal_id lineage;
    struct error error;
    live(&store, 1, 5, 10, 4);
    machine.environment.place.bytes[0] = 2;
    plan_restore(RESTORE_ADOPTION, &plan);
    uint64_t requests = store.requests;
    struct memory_store copy;
    memory_store_init(&copy, &machine.scheduler.base);
    memory_store_copy(&store, &copy);
    machine.environment.store = &copy.base;
    ck_assert(restore_execute(&machine.environment, &plan, &lineage, &error));
    uint64_t all = copy.requests;
    memory_store_free(&copy);
    for (uint64_t back = 0; back < 24; back++) {
        memory_store_init(&copy, &machine.scheduler.base);
        memory_store_copy(&store, &copy);
        copy.dies_at = all - back;
        copy.death = back % 2 ? DEATH_AFTER : DEATH_BEFORE;
        machine.environment.store = &copy.base;
        bool is_done = restore_execute(&machine.environment, &plan, &lineage, &error);
        memory_revive(&copy);
        struct ground ground;
        ck_assert(ground_read(&machine.environment, 2000, &ground, &error));
        if (ground.place.bytes[0] != 2) { /* never writable before it is an own lineage */
            ck_assert(!is_done);
            ck_assert_int_eq(sum_of(&copy, 2, JOURNAL_IS_COPY), 50);
            machine.environment.store = &copy.base;
            restore_now(RESTORE_ADOPTION);
        }
        ck_assert_int_eq(sum_of(&copy, 2, JOURNAL_RUNS), 50);
        struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
        ck_assert(cold_read_head(&machine.environment, HEAD_NAME, checkpoint, &error));
        ck_assert(!journal_id_equal(&checkpoint->head.lineage, &plan.old_lineage));
        checkpoint_free(checkpoint);
        free(checkpoint);
        memory_store_free(&copy);
    }
    machine.environment.store = &store.base;
    ck_assert_uint_eq(store.requests, requests);
}

START_TEST(an_adoption_may_die_at_any_request)
{
    run(adoption_dies);
}
END_TEST

/* ---- quarantine ---- */

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
    tcase_add_test(tests, a_replica_stops_at_a_new_lineage);
    tcase_add_test(tests, a_restore_may_die_at_any_request);
    tcase_add_test(tests, of_two_operators_one_makes_the_head);
    tcase_add_test(tests, a_restore_does_what_was_agreed_to);
    tcase_add_test(tests, a_broken_store_is_not_restored_to);
    tcase_add_test(tests, a_copy_is_adopted);
    tcase_add_test(tests, a_copy_without_its_head_is_adopted);
    tcase_add_test(tests, an_adoption_may_die_at_any_request);
    tcase_add_test(tests, a_released_segment_is_given_up_while_damaged);
    tcase_add_test(tests, a_released_segment_counts_when_it_is_good_again);
    tcase_add_test(tests, a_release_within_the_window_waits_for_its_end);
    tcase_add_test(tests, a_restore_keeps_damage_aside);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
