/* tests/unit/journal/adoption_test.c -- a copy of a journal is served, not written; adopted, it goes its own way. */
#include "journal/repair/cold.h"
#include "tests/unit/journal/restore_fixture.h"

#include <stdlib.h>

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

/* ---- a roll has not arrived ---- */

enum { HEAD_GENERATION = 10, LOST_GENERATION = 9 };

static const struct journal_id LINEAGE = {{1}};

/* It adds an amount to the counter; `predecessor` may be NULL. */
static struct segment_key put_segment(uint64_t base, uint8_t writer, const struct segment_key *predecessor,
                                      int64_t amount)
{
    struct segment segment = {.lineage = LINEAGE,
                              .key = {.base = base, .clock = base, .writer = {{writer}}, .sequence = base << 32},
                              .has_predecessor = predecessor != NULL};
    struct buffer ops = {0};
    struct buffer body = {0};
    struct error error;
    char name[JOURNAL_NAME_BYTES];
    if (predecessor != NULL)
        segment.predecessor = *predecessor;
    op_put_counter_add(&ops, SPACE_TEST, SPAN("sums"), SPAN("all"), amount);
    for (unsigned i = 0; i < 2; i++) { /* the key holds a checksum of the rest */
        segment.key.sequence |= i == 0 ? 0 : segment_checksum(buffer_span(&body));
        segment_begin(&body, &segment);
        segment_add_batch(&body, &(struct batch){.ops_count = 1, .ops = buffer_span(&ops)});
        ck_assert(segment_end(&body, &error));
    }
    segment_name_format(&segment.key, name);
    memory_put(&store, name, buffer_span(&body));
    buffer_free(&ops);
    buffer_free(&body);
    return segment.key;
}

/* It says that the generation before it folded something, and the roll that would say what is not there. */
static void put_head_without_roll(void)
{
    static struct head head;
    struct buffer body = {0};
    struct error error;
    head = (struct head){.lineage = LINEAGE,
                         .generation = HEAD_GENERATION,
                         .op_kind_last = OP_KIND_LAST,
                         .window = HEAD_WINDOW_DEFAULT,
                         .horizon = HEAD_HORIZON_DEFAULT,
                         .ancestors_count = 2,
                         .ancestors = {{{{2}}, 0}, {{{3}}, 1}}};
    body.limit = HEAD_BYTES_MAX;
    ck_assert(head_encode(&head, &body, &error));
    memory_put(&store, HEAD_NAME, buffer_span(&body));
    buffer_free(&body);
}

/* Whether it was folded only the lost roll says. If it was not, what its writer wrote behind it must not count without
 * it; what hangs on nothing of that time counts. */
static void adopts_without_a_roll(void)
{
    struct restore_plan plan;
    put_head_without_roll();
    struct segment_key doubtful = put_segment(LOST_GENERATION - 1, 7, NULL, 1);
    struct segment_key behind = put_segment(LOST_GENERATION, 7, &doubtful, 10);
    (void)put_segment(HEAD_GENERATION, 7, &behind, 100);
    const struct segment_key settled = {.base = HEAD_GENERATION - HEAD_WINDOW_DEFAULT, .writer = {{8}}};
    (void)put_segment(LOST_GENERATION, 8, &settled, 1000);
    machine.environment.place.bytes[0] = 2;
    plan_restore(RESTORE_ADOPTION, &plan);
    ck_assert_uint_eq(plan.rolls_lost, 1);
    ck_assert_uint_eq(plan.segments, 1);
    ck_assert_uint_eq(plan.held, 2);
    ck_assert(restore_loses(&plan));
    restore_now(RESTORE_ADOPTION);
    ck_assert_int_eq(sum_of(&store, 2, JOURNAL_RUNS), 1000);
}

START_TEST(what_follows_a_lost_roll_is_left_out_of_an_adopted_copy)
{
    run(adopts_without_a_roll);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("adoption");
    TCase *tests = tcase_create("adoption");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_copy_is_adopted);
    tcase_add_test(tests, a_copy_without_its_head_is_adopted);
    tcase_add_test(tests, an_adoption_may_die_at_any_request);
    tcase_add_test(tests, what_follows_a_lost_roll_is_left_out_of_an_adopted_copy);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
