/* tests/unit/journal/dictionaries_test.c -- mappings of dictionaries that two replicas change: one wins, and the other
 * knows. */
#include "journal/dictionaries/drift.h"
#include "journal/dictionaries/publish.h"
#include "tests/unit/journal/restore_fixture.h"

enum { CALLERS = 12, BUCKET = 7 };

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

static void flush_both(void)
{
    struct error error;
    for (unsigned i = 0; i < 2; i++)
        while (!journal_flush(replicas[i].journal, &error))
            pause_ms(1);
}

static const struct state *state_of(unsigned replica)
{
    return journal_state(replicas[replica].journal);
}

static struct dictionary_mapping mapping_of(uint8_t number, uint8_t previous, const char *prefix)
{
    struct dictionary_mapping mapping = {
        .creation_id = BUCKET,
        .prefix = span_from_string(prefix),
        .bucket = SPAN("events"),
        .bytes = 16384,
        .saving_permille = 654,
        .samples = 1000,
        .published_ms = 1700000000000,
        .has_previous = previous != 0,
    };
    memset(mapping.digest, number, sizeof mapping.digest);
    memset(mapping.previous, previous, sizeof mapping.previous);
    return mapping;
}

static bool publish(unsigned replica, uint8_t number, uint8_t previous, const char *prefix, struct error *error)
{
    const struct dictionary_mapping mapping = mapping_of(number, previous, prefix);
    return dictionaries_publish(replicas[replica].journal, &replicas[replica].environment, &mapping, error);
}

/* 0: none. */
static uint8_t shown(unsigned replica, const char *prefix)
{
    struct dictionary_mapping mapping;
    if (!dictionary_mapping_find(state_of(replica), BUCKET, span_from_string(prefix), &mapping))
        return 0;
    ck_assert(span_equal(mapping.bucket, SPAN("events")) && span_equal(mapping.prefix, span_from_string(prefix)));
    ck_assert_uint_eq(mapping.bytes, 16384);
    ck_assert_uint_eq(mapping.saving_permille, 654);
    ck_assert_uint_eq(mapping.samples, 1000);
    ck_assert_int_eq(mapping.published_ms, 1700000000000);
    return mapping.digest[0];
}

/* ---- one after another ---- */

static void in_turn(void)
{
    struct error error;
    start_both();
    ck_assert(publish(0, 11, 0, "logs/", &error));
    uint64_t stamp = dictionaries_stamp(state_of(0));
    ck_assert(publish(1, 12, 0, "", &error)); /* another prefix, also if one holds the other */
    ck_assert(!publish(1, 13, 0, "logs/", &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert(!publish(1, 13, 12, "logs/", &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert(publish(1, 13, 11, "logs/", &error));
    flush_both();
    ck_assert_uint_eq(shown(0, "logs/"), 13);
    ck_assert_uint_eq(shown(0, ""), 12);
    ck_assert_uint_eq(shown(0, "log"), 0);
    ck_assert(dictionaries_stamp(state_of(0)) != stamp);
    for (unsigned i = 0; i < 2; i++)
        ck_assert(dictionaries_unmap(replicas[i].journal, &replicas[i].environment, BUCKET, SPAN("logs/"), &error));
    flush_both();
    ck_assert_uint_eq(shown(0, "logs/"), 0);
    machine_fold(&replicas[0], 12);
    ck_assert_uint_eq(shown(0, ""), 12);
    ck_assert(!publish(0, 14, 13, "logs/", &error)); /* what it would follow has gone */
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);

    /* all that there ever was is known, and only that */
    struct dictionary_known known;
    struct state_walk walk = {0};
    unsigned count = 0;
    while (dictionary_known_next(state_of(0), &walk, &known)) {
        ck_assert(known.id[0] >= 11 && known.id[0] <= 13);
        ck_assert_uint_eq(known.bytes, 16384);
        count++;
    }
    ck_assert_uint_eq(count, 3);
    const uint8_t first[DICTIONARY_ID_DIGEST_BYTES] = {11, 11, 11, 11, 11, 11, 11, 11};
    ck_assert(dictionary_known_find(state_of(0), BUCKET, first, &known));
    ck_assert(dictionaries_forget(replicas[1].journal, &replicas[1].environment, BUCKET, first, &error));
    flush_both();
    ck_assert(!dictionary_known_find(state_of(0), BUCKET, first, &known));
    stop_both();
}

START_TEST(one_replica_after_the_other)
{
    run(in_turn);
}
END_TEST

/* ---- at once ---- */

static unsigned callers_left;
static unsigned winners;
static uint8_t winner;

static void call(void *argument)
{
    uint8_t caller = (uint8_t)(uintptr_t)argument;
    struct error error;
    if (publish(caller % 2, caller, 0, "logs/", &error)) {
        winners++;
        winner = caller;
    } else {
        ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    }
    callers_left--;
}

static void at_once(void)
{
    start_both();
    callers_left = CALLERS;
    winners = 0;
    for (uintptr_t caller = 1; caller <= CALLERS; caller++)
        spawn("caller", call, (void *)caller);
    while (callers_left > 0)
        pause_ms(5);
    flush_both();
    ck_assert_uint_eq(winners, 1);
    ck_assert_uint_eq(shown(0, "logs/"), winner);
    ck_assert_uint_eq(shown(1, "logs/"), winner);
    stop_both();
}

START_TEST(one_of_many_wins)
{
    run(at_once);
}
END_TEST

/* ---- drift ---- */

static void add_drift(unsigned replica, const struct dictionary_drift *drift)
{
    const uint8_t id[DICTIONARY_ID_DIGEST_BYTES] = {1};
    struct error error;
    struct buffer ops = {0};
    dictionaries_put_drift(&ops, BUCKET, id, SPAN("logs/"), drift);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(replicas[replica].journal, &batch, &error).outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
}

static void drifting(void)
{
    const uint8_t id[DICTIONARY_ID_DIGEST_BYTES] = {1};
    const uint8_t other[DICTIONARY_ID_DIGEST_BYTES] = {2};
    start_both();
    for (unsigned i = 0; i < 2; i++)
        add_drift(i, &(struct dictionary_drift){60, 50, 60000, 20000, 10000});
    flush_both();
    struct dictionary_drift sum = dictionary_drift_find(state_of(0), BUCKET, id, SPAN("logs/"));
    ck_assert(sum.tried == 120 && sum.won == 100 && sum.original_bytes == 120000 && sum.plain_bytes == 40000 &&
              sum.dictionary_bytes == 20000);
    ck_assert_uint_eq(dictionary_drift_find(state_of(0), BUCKET, other, SPAN("logs/")).tried, 0);
    ck_assert_uint_eq(dictionary_drift_find(state_of(0), BUCKET, id, SPAN("logs")).tried, 0);
    ck_assert_uint_eq(dictionary_drift_saving_permille(&sum), 500);
    ck_assert(!dictionary_drift_is_stale(&sum, 714));
    ck_assert(dictionary_drift_is_stale(&sum, 715));
    sum.won = 59;
    ck_assert(dictionary_drift_is_stale(&sum, 500));
    sum.tried = 99; /* too few to say anything */
    ck_assert(!dictionary_drift_is_stale(&sum, 900));
    stop_both();
}

START_TEST(drift_of_a_fleet)
{
    run(drifting);
}
END_TEST

/* ---- values of others ---- */

START_TEST(what_is_of_another_shape_counts_as_none)
{
    struct state state;
    struct buffer ops = {0};
    struct dictionary_mapping mapping = mapping_of(5, 0, "a/");
    const uint8_t key[] = {0, 0, 0, 0, 0, 0, 0, BUCKET, 'b', '/'};
    state_init(&state, NULL, 0);
    dictionaries_put_mapping(&ops, &state, &mapping, 1);
    ck_assert(state_apply_batch(&state, &(struct journal_id){0}, 1, buffer_span(&ops)));
    struct span value;
    const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, BUCKET, 'a', '/'};
    ck_assert(state_map_get(&state, SPACE_DICT, SPAN("map"), span_of(mapped, sizeof mapped), &value));
    struct buffer copy = {0};
    buffer_append(&copy, value);
    for (size_t size = 0; size <= copy.size; size++) { /* cut off anywhere; whole, but of a later version */
        uint8_t bytes[256];
        memcpy(bytes, copy.data, copy.size);
        bytes[0] += size == copy.size;
        buffer_clear(&ops);
        op_put(&ops, &(struct op){.kind = OP_MAP_PUT,
                                  .space = SPACE_DICT,
                                  .table = SPAN("map"),
                                  .key = span_of(key, sizeof key),
                                  .value = span_of(bytes, size)});
        ck_assert(state_apply_batch(&state, &(struct journal_id){0}, 1, buffer_span(&ops)));
        struct state_walk walk = {0};
        unsigned count = 0;
        while (dictionary_mapping_next(&state, &walk, &mapping))
            count++;
        ck_assert_uint_eq(count, 1);
        ck_assert(!dictionary_mapping_find(&state, BUCKET, SPAN("b/"), &mapping));
        ck_assert(dictionary_mapping_find(&state, BUCKET, SPAN("a/"), &mapping));
    }
    buffer_free(&copy);
    buffer_free(&ops);
    state_free(&state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal-dictionaries");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, one_replica_after_the_other);
    tcase_add_test(tests, one_of_many_wins);
    tcase_add_test(tests, drift_of_a_fleet);
    tcase_add_test(tests, what_is_of_another_shape_counts_as_none);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
