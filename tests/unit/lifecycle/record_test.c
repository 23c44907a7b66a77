/* tests/unit/lifecycle/record_test.c -- records of sweeps that two replicas write: one has it, and the other knows. */
#include "server/lifecycle/claimed_value.h"
#include "server/lifecycle/sweep.h"
#include "tests/unit/journal/restore_fixture.h"

enum { BUCKET = 7, ROUNDS = 20 };

static struct machine replicas[2];
static struct sweep_record records[2]; /* as each replica has it */

static bool put(unsigned replica, struct error *error)
{
    return sweep_record_put(replicas[replica].journal, &replicas[replica].environment, BUCKET, &records[replica],
                            error);
}

static const struct state *state_of(unsigned replica)
{
    return journal_state(replicas[replica].journal);
}

static void flush(unsigned replica)
{
    struct error error;
    while (!journal_flush(replicas[replica].journal, &error))
        pause_ms(1);
}

static void start_both(void)
{
    for (unsigned i = 0; i < 2; i++) {
        machine_start(&replicas[i], &store, 1);
        ck_assert_int_eq(machine_wait_condition(&replicas[i], JOURNAL_RUNS), JOURNAL_RUNS);
        records[i] = (struct sweep_record){0};
    }
}

static void stop_both(void)
{
    machine_stop(&replicas[0]);
    machine_stop(&replicas[1]);
    store.scheduler = &machine.scheduler.base;
}

static void fill(struct sweep_record *record)
{
    *record = (struct sweep_record){
        .number = 3,
        .claim = 2,
        .rules = 0x1122334455667788,
        .midnight_ms = 86400000,
        .began_ms = 86400001,
        .ended_ms = 86400002,
        .next_ms = INT64_MAX,
        .state = SWEEP_IS_DONE,
        .cursor = {.key_size = 3, .key = "a/b", .version = "null", .modified_ms = 86400003, .newer_kept = 99},
        .totals =
            {.judged = 9, .done = {0, 1, 2, 3}, .aborted = 4, .changed = 5, .locked = 6, .unsafe = 8, .failed = 7},
        .rules_count = SWEEP_RULES_COUNTED_MAX,
    };
    memset(record->holder, 'h', sizeof record->holder);
    for (unsigned i = 0; i < SWEEP_RULES_COUNTED_MAX; i++)
        record->rules_acted[i] = (struct sweep_rule){(uint16_t)(999 - i), i + 1};
}

static void expect_same(const struct sweep_record *a, const struct sweep_record *b)
{
    ck_assert(a->number == b->number && a->claim == b->claim && a->nonce == b->nonce && a->rules == b->rules);
    ck_assert_mem_eq(a->holder, b->holder, sizeof a->holder);
    ck_assert(a->midnight_ms == b->midnight_ms && a->began_ms == b->began_ms && a->ended_ms == b->ended_ms);
    ck_assert(a->next_ms == b->next_ms && a->state == b->state);
    ck_assert_mem_eq(&a->totals, &b->totals, sizeof a->totals);
    ck_assert_uint_eq(a->cursor.key_size, b->cursor.key_size);
    ck_assert_mem_eq(a->cursor.key, b->cursor.key, b->cursor.key_size);
    ck_assert_str_eq(a->cursor.version, b->cursor.version);
    ck_assert(a->cursor.modified_ms == b->cursor.modified_ms);
    ck_assert_uint_eq(a->cursor.newer_kept, b->cursor.newer_kept);
    ck_assert_uint_eq(a->rules_count, b->rules_count);
    for (unsigned i = 0; i < a->rules_count; i++) {
        ck_assert_uint_eq(a->rules_acted[i].place, b->rules_acted[i].place);
        ck_assert_uint_eq(a->rules_acted[i].acted, b->rules_acted[i].acted);
    }
}

/* ---- by two replicas ---- */

static void in_turn(void)
{
    struct error error;
    static struct sweep_record found; /* too large for a fiber's stack */
    start_both();
    ck_assert(!sweep_record_find(state_of(0), BUCKET, &found));
    fill(&records[0]);
    ck_assert_msg(put(0, &error), "%s", error.message);
    ck_assert(put(0, &error)); /* again: it has it */
    flush(1);
    ck_assert(sweep_record_find(state_of(1), BUCKET, &found));
    expect_same(&found, &records[0]);
    ck_assert(!put(1, &error)); /* which thinks that there is none */
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    records[1] = found;
    ck_assert(put(1, &error));
    ck_assert(!put(0, &error)); /* which has not read that yet */
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    flush(0);
    ck_assert(!put(0, &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);

    uint64_t id;
    struct state_walk walk = {0};
    ck_assert(sweep_record_next(state_of(0), &walk, &id));
    ck_assert_uint_eq(id, BUCKET);
    ck_assert(!sweep_record_next(state_of(0), &walk, &id));
    ck_assert(sweep_records_remove(replicas[0].journal, span_of(&id, sizeof id), &error));
    flush(1);
    ck_assert(!sweep_record_find(state_of(1), BUCKET, &found));

    ck_assert_int_eq(sweep_clock_find(state_of(0)), 0);
    ck_assert(sweep_clock_put(replicas[0].journal, 123456789, &error));
    flush(1);
    ck_assert_int_eq(sweep_clock_find(state_of(1)), 123456789);
    stop_both();
}

/* Both see the same record, and take it. */
static unsigned callers_left;
static unsigned winners;

static void take(void *argument)
{
    struct error error;
    if (put((unsigned)(uintptr_t)argument, &error))
        winners++;
    else
        ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    callers_left--;
}

static void at_once(void)
{
    start_both();
    for (unsigned round = 0; round < ROUNDS; round++) {
        winners = 0;
        callers_left = 2;
        for (unsigned i = 0; i < 2; i++) {
            flush(i);
            (void)sweep_record_find(state_of(i), BUCKET, &records[i]);
            records[i].claim++;
        }
        ck_assert_uint_eq(records[0].nonce, records[1].nonce);
        for (uintptr_t i = 0; i < 2; i++)
            spawn("taker", take, (void *)i);
        while (callers_left > 0)
            pause_ms(5);
        ck_assert_uint_eq(winners, 1);
    }
    stop_both();
}

/* ---- beside a later version ---- */

static void put_raw(uint16_t space, struct span table, struct span key, struct span value)
{
    struct error error;
    struct buffer ops;
    buffer_init(&ops, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, space, table, key, value});
    ck_assert_msg(claimed_value_submit(replicas[0].journal, &ops, &error), "%s", error.message);
    buffer_free(&ops);
    flush(0);
}

static void put_of_later_version(const char *value)
{
    static const uint8_t key[] = {0, 0, 0, 0, 0, 0, 0, BUCKET};
    put_raw(SPACE_LIFECYCLE, SPAN("sweep"), span_of(key, sizeof key), span_from_string(value));
}

static void of_later_version(void)
{
    enum { TAKEOVER_MS = 200 };
    static const uint8_t rules_key[] = {0, 0, 0, 0, 0, 0, 0, BUCKET, SETTING_LIFECYCLE};
    struct bucket_store objects = {.capabilities = {.is_shared = true}};
    const struct bucket_info bucket = {.creation_id = BUCKET};
    static struct lifecycle_runner runner;
    struct error error;
    start_both();
    runner = (struct lifecycle_runner){
        .store = &objects, .day_ms = 1000, .takeover_ms = TAKEOVER_MS, .journal = replicas[0].journal};
    ck_assert_int_eq(sweep_need_of(&runner, &bucket, 0), SWEEP_IS_NOT_DUE); /* no rules */
    put_raw(SPACE_BUCKET, SPAN("settings"), span_of(rules_key, sizeof rules_key), SPAN("?"));
    ck_assert_int_eq(sweep_need_of(&runner, &bucket, 0), SWEEP_IS_DUE);
    for (unsigned i = 0; i < 2; i++) { /* written anew, so somebody is at it */
        put_of_later_version(i == 0 ? "\377 one" : "\377 two");
        ck_assert(!sweep_record_find(state_of(0), BUCKET, &records[0]));
        ck_assert_int_eq(sweep_need_of(&runner, &bucket, 0), SWEEP_IS_ANOTHERS);
        pause_ms(TAKEOVER_MS + 1);
    }
    ck_assert_int_eq(sweep_need_of(&runner, &bucket, 0), SWEEP_IS_DUE); /* it stands still */
    put_of_later_version("\377 three");
    ck_assert_int_eq(sweep_need_of(&runner, &bucket, 0), SWEEP_IS_ANOTHERS);
    objects.capabilities.is_shared = false; /* nobody else writes there */
    ck_assert_int_eq(sweep_need_of(&runner, &bucket, 0), SWEEP_IS_DUE);

    fill(&records[0]);
    ck_assert_msg(put(0, &error), "%s", error.message);
    put_of_later_version("\377 four");
    ck_assert(!put(0, &error)); /* its own has gone */
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    stop_both();
}

START_TEST(one_replica_after_the_other)
{
    run(in_turn);
}
END_TEST

START_TEST(one_of_two_has_it)
{
    run(at_once);
}
END_TEST

START_TEST(what_a_later_version_wrote_is_somebodys)
{
    run(of_later_version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifecycle-record");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, one_replica_after_the_other);
    tcase_add_test(tests, one_of_two_has_it);
    tcase_add_test(tests, what_a_later_version_wrote_is_somebodys);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
