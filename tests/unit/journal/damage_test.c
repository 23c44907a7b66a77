/* tests/unit/journal/damage_test.c -- one bit flipped in each kind of object of a journal, and in each one's row of the
 * catalogue, before a start and while a process runs: objects are served, the condition is the right one, and what its
 * advice says helps. On a real folder. */
#include "journal/format/part.h"
#include "journal/repair/restore.h"
#include "store/embedded/catalogue/key_path.h"
#include "tests/unit/embedded/flips.h"
#include "tests/unit/journal/folder_machine.h"

#include <stdio.h>
#include <stdlib.h>

enum { AMOUNTS = 6, LIVES_MAX = 6, FLIPS_MAX = 24, SETTLE_GENERATIONS = 3, DECIDE_MS = 1000 };

/* ---- a process ---- */

/* `decide_ms`, 0: as ever. Where the head is damaged meanwhile nobody can say what became of a batch, so that long. */
static void start(struct folder_machine *machine, struct bucket_store *objects, bool folds, unsigned decide_ms)
{
    const struct journal_options options = {.fold_gap_ms = 20,
                                            .poll_ms = 10,
                                            .fold_age_ms = folds ? 10 : 600000,
                                            .linger_ms = 1,
                                            .decide_ms = decide_ms,
                                            .may_seed = true};
    folder_machine_start(machine, objects, &options);
}

/* False: the journal has stopped meanwhile. */
static bool fold(struct folder_machine *machine, unsigned generations)
{
    uint64_t wanted = journal_head(machine->journal)->generation + generations;
    for (unsigned i = 0; i < 2000 && journal_head(machine->journal)->generation < wanted; i++) {
        if (!folder_machine_add(machine, 0) && journal_condition(machine->journal) != JOURNAL_RUNS)
            return false;
        folder_machine_pause_ms(machine, 5);
    }
    ck_assert_uint_ge(journal_head(machine->journal)->generation, wanted);
    return true;
}

/* ---- what is in the folder ---- */

static void fill(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static struct folder_machine machine;
    struct error error;
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = text("bucket"), .owner = text("alice")}, &error));
    put(objects, text("bucket"), text("thing"), text("what a client has stored"));
    ck_assert(bucket_create(objects, &(struct bucket_intent){.name = SYSTEM}, &error));
    start(&machine, objects, true, 0);
    ck_assert_int_eq(folder_machine_wait(&machine), JOURNAL_RUNS);
    ck_assert(folder_machine_add(&machine, 1) && fold(&machine, 4) && folder_machine_add(&machine, 1) &&
              fold(&machine, 4));
    folder_machine_stop(&machine);
    start(&machine, objects, false, 0); /* what comes now stays live */
    ck_assert_int_eq(folder_machine_wait(&machine), JOURNAL_RUNS);
    for (unsigned i = 2; i < AMOUNTS; i++)
        ck_assert(folder_machine_add(&machine, 1));
    ck_assert_int_eq(folder_machine_sum(&machine), AMOUNTS);
    folder_machine_stop(&machine);
}

/* ---- whose bytes are where ---- */

enum kind { BELL, HEAD, COPY, GROUND, SEGMENT, ROLL, STATE_PART, KINDS };

static bool is_of_kind(struct span name, enum kind kind)
{
    struct segment_key key;
    struct part_name part;
    struct journal_id nonce;
    uint64_t generation;
    switch (kind) {
    case BELL:
        return span_equal(name, SPAN("bell"));
    case HEAD:
        return span_equal(name, SPAN("head"));
    case GROUND:
        return span_equal(name, SPAN("ground"));
    case COPY:
        return head_copy_name_parse(name, &generation, &nonce);
    case SEGMENT:
        return segment_name_parse(name, &key);
    case ROLL:
    case STATE_PART:
        return part_name_parse(name, &part) && (part.kind == PART_ROLL) == (kind == ROLL);
    case KINDS:
        break;
    }
    return false;
}

enum { KEY_PLACES = 2 }; /* the first ones of a row */
struct flips {
    unsigned count;
    long at[FLIPS_MAX];
};

static void add_flips(struct flips *flips, const struct flips_view *view, const MDB_val *bytes, const size_t *offsets,
                      unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        size_t offset = offsets[i] < bytes->mv_size ? offsets[i] : bytes->mv_size - 1;
        ck_assert_uint_lt(flips->count, FLIPS_MAX);
        flips->at[flips->count++] = flips_place(view, (const uint8_t *)bytes->mv_data + offset);
    }
}

/* The body lies in the catalogue. Its own checksum, then the frame: magic, format, size, checksum, and what it says. */
static void add_body(struct flips *flips, const struct flips_view *view, uint64_t number)
{
    const size_t places[] = {0, 4, 12, 20, SIZE_MAX};
    uint8_t key_bytes[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key_bytes);
    MDB_val key = {sizeof key_bytes, key_bytes};
    MDB_val value;
    ck_assert_int_eq(mdb_get(view->txn, view->catalogue.bodies, &key, &value), 0);
    add_flips(flips, view, &value, places, sizeof places / sizeof places[0]);
}

static void add_row(struct flips *flips, const struct flips_view *view, const MDB_val *key, const MDB_val *value)
{
    const size_t of_key[KEY_PLACES] = {KEY_GROUP_BYTES, SIZE_MAX};
    const size_t of_value[] = {0, 12, SIZE_MAX};
    add_flips(flips, view, key, of_key, KEY_PLACES);
    add_flips(flips, view, value, of_value, sizeof of_value / sizeof of_value[0]);
}

/* Of the last object of a kind: what the present head needs, or what is live. */
static void find_flips(const char *path, enum kind kind, struct flips *ret_body, struct flips *ret_row)
{
    static struct flips_view view;
    struct error error;
    struct bucket_row bucket;
    MDB_cursor *cursor;
    MDB_val key, value;
    flips_view_open(&view, path);
    ck_assert_int_eq(catalogue_find_bucket(view.txn, &view.catalogue, SYSTEM, &bucket, &error), LOOKUP_FOUND);
    ck_assert_int_eq(mdb_cursor_open(view.txn, view.catalogue.objects, &cursor), 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        struct row_shape shape;
        struct span object;
        struct row row;
        struct span row_key = span_of(key.mv_data, key.mv_size);
        ck_assert(row_open(row_key, span_of(value.mv_data, value.mv_size), &shape, &object, &error));
        if (row_key.data[KEY_GROUP_BYTES - 1] != bucket.number ||
            !is_of_kind(span_skip(row_key, KEY_GROUP_BYTES), kind))
            continue;
        ck_assert(row_decode_object(object, &row, &error) && row.place == BODY_INLINE);
        ret_body->count = ret_row->count = 0;
        add_body(ret_body, &view, row.body_number);
        add_row(ret_row, &view, &key, &value);
    }
    mdb_cursor_close(cursor);
    flips_view_close(&view);
    ck_assert_uint_gt(ret_body->count, 0);
}

/* ---- a life with it ---- */

struct damaged {
    const char *path;
    long flips_at; /* in the next life, while it runs; 0: it has been flipped */
    bool seen[JOURNAL_CONDITION_COUNT];
    uint64_t alarms[ALARM_COUNT];
    bool is_done, wants_repair;
    int64_t sum;
};

static void release_all(struct folder_machine *machine)
{
    while (journal_head(machine->journal)->quarantine_count > 0) {
        struct buffer ops = {0};
        struct error error;
        op_put_release(&ops, &journal_head(machine->journal)->quarantine[0].key);
        const struct journal_batch batch = {.ops = buffer_span(&ops)};
        ck_assert_int_eq(journal_submit(machine->journal, &batch, &error).outcome, JOURNAL_COMMITTED);
        buffer_free(&ops);
        ck_assert(fold(machine, 2)); /* it is given up when its base has left the window */
    }
}

static void note(struct damaged *damaged, const struct folder_machine *machine)
{
    damaged->seen[journal_condition(machine->journal)] = true;
    for (unsigned i = 0; i < ALARM_COUNT; i++)
        damaged->alarms[i] += journal_counters(machine->journal)->alarms[i];
}

/* The condition after a while in which there was something to do. */
static enum journal_condition work(struct folder_machine *machine, struct damaged *damaged)
{
    enum journal_condition condition = folder_machine_wait(machine);
    if (damaged->flips_at != 0 && condition == JOURNAL_RUNS) {
        flips_flip(damaged->path, damaged->flips_at, (unsigned)damaged->flips_at % 8);
        damaged->flips_at = 0;
    }
    if (condition == JOURNAL_RUNS && fold(machine, SETTLE_GENERATIONS))
        release_all(machine);
    return journal_condition(machine->journal);
}

/* What docs/operations.md says. */
static void help(struct bucket_store *objects, struct damaged *damaged, enum journal_condition condition)
{
    static struct folder_machine operator;
    static struct restore_plan plan;
    struct store_test test;
    struct journal_id lineage;
    struct error error;
    bool is_done = true;
    folder_machine_prepare(&operator, objects);
    if (condition == JOURNAL_GROUND_MISSING)
        is_done = ground_test_again(&operator.environment, true, &test, &error);
    else if (condition == JOURNAL_STORE_DAMAGED)
        damaged->wants_repair = true;
    else
        is_done = restore_plan(&operator.environment, RESTORE_LOST_HEAD, &plan, &error) &&
                  restore_execute(&operator.environment, &plan, &lineage, &error);
    /* what a restore writes first may put the head's row right, so that there is a head again; and it tests the store,
     * which finds that keys are damaged; a key that is listed but not found is one of a segment that has gone */
    bool is_back = !is_done && strstr(error.message, "look again") != NULL;
    bool is_misled = !is_done && strstr(error.message, "a listing did not show") != NULL;
    is_misled |= !is_done && strstr(error.message, "segments go away") != NULL;
    ck_assert_msg(is_done || is_back || is_misled, "%s: %s", journal_condition_name(condition),
                  is_done ? "" : error.message);
    damaged->wants_repair |= is_misled;
    folder_machine_stop(&operator);
}

static void live_with_it(struct bucket_store *objects, unsigned shard, void *argument)
{
    (void)shard;
    static struct folder_machine machine;
    struct damaged *damaged = argument;
    expect_body(objects, text("bucket"), text("thing"), text("what a client has stored"));
    bool was_sound = damaged->flips_at != 0;
    start(&machine, objects, true, was_sound ? DECIDE_MS : 0);
    enum journal_condition condition = work(&machine, damaged);
    note(damaged, &machine);
    damaged->is_done = condition == JOURNAL_RUNS && !was_sound;
    if (condition == JOURNAL_RUNS)
        damaged->sum = folder_machine_sum(&machine);
    folder_machine_stop(&machine);
    expect_body(objects, text("bucket"), text("thing"), text("what a client has stored"));
    if (condition != JOURNAL_RUNS)
        help(objects, damaged, condition);
}

static void report_line(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "%s\n", line);
}

static void repair(const char *path)
{
    struct embedded_report report = {.line = report_line};
    struct error error;
    bool is_mended = embedded_check(path, true, &report, &error);
    ck_assert_msg(is_mended, "%s", is_mended ? "" : error.message);
}

static void live_on(struct damaged *damaged)
{
    damaged->is_done = false;
    for (unsigned i = 0; i < LIVES_MAX && !damaged->is_done; i++) {
        damaged->wants_repair = false;
        with_store(damaged->path, live_with_it, damaged);
        if (damaged->wants_repair)
            repair(damaged->path);
    }
    ck_assert(damaged->is_done);
}

static bool has_alarmed(const struct damaged *damaged)
{
    for (unsigned i = 0; i < ALARM_COUNT; i++) {
        if (damaged->alarms[i] > 0)
            return true;
    }
    return false;
}

/* What a damaged body of this kind leads to. */
static void expect_condition(const struct damaged *damaged, enum kind kind)
{
    static const enum journal_condition wanted[KINDS] = {
        [BELL] = JOURNAL_RUNS,
        [HEAD] = JOURNAL_HEAD_DAMAGED,
        [COPY] = JOURNAL_RUNS,
        [GROUND] = JOURNAL_GROUND_MISSING,
        [SEGMENT] = JOURNAL_RUNS,
        [ROLL] = JOURNAL_CHECKPOINT_LOST,
        [STATE_PART] = JOURNAL_CHECKPOINT_LOST,
    };
    for (unsigned i = 0; i < JOURNAL_CONDITION_COUNT; i++)
        ck_assert_msg(damaged->seen[i] == (i == wanted[kind] || i == JOURNAL_RUNS), "%s", journal_condition_name(i));
    ck_assert(kind == COPY || has_alarmed(damaged));
    ck_assert(kind != BELL || damaged->alarms[ALARM_BELL_DAMAGED] > 0);
    ck_assert(kind != SEGMENT || damaged->alarms[ALARM_SEGMENT_DAMAGED] > 0);
}

/* All that was acknowledged, but for what a lost segment held. */
static void expect_sum(const struct damaged *damaged, enum kind kind)
{
    ck_assert_msg(damaged->sum == AMOUNTS || (kind == SEGMENT && damaged->sum == AMOUNTS - 1), "kind %u: %lld", kind,
                  (long long)damaged->sum);
}

static char template[64]; /* the folder that others are copies of */
static struct flips bodies[KINDS], rows[KINDS];

enum part { OF_BODY, OF_KEY, OF_ROW };

/* One bit of a key before the start is put right by the start. */
static void damage(enum kind kind, long at, enum part part, bool is_running)
{
    bool is_body = part == OF_BODY;
    char path[64];
    flips_copy_folder(template, path);
    struct damaged damaged = {.path = path, .flips_at = is_running ? at : 0};
    if (!is_running)
        flips_flip(path, at, (unsigned)at % 8);
    live_on(&damaged);
    expect_sum(&damaged, kind);
    if (is_body && !is_running)
        expect_condition(&damaged, kind);
    ck_assert(part != OF_ROW || is_running || kind == COPY || has_alarmed(&damaged));
    ck_assert(part != OF_KEY || is_running || !has_alarmed(&damaged));
    repair(path); /* whatever is left of damaged rows */
    if (!is_body)
        live_on(&damaged);
    expect_sum(&damaged, kind);
    folder_remove(path);
}

/* ---- the tests ---- */

static void make_template(void)
{
    folder_make(template);
    with_store(template, fill, NULL);
    for (enum kind kind = 0; kind < KINDS; kind++)
        find_flips(template, kind, &bodies[kind], &rows[kind]);
}

static void remove_template(void)
{
    folder_remove(template);
}

static enum part part_of(unsigned place)
{
    return place < KEY_PLACES ? OF_KEY : OF_ROW;
}

START_TEST(a_bit_of_a_body_before_the_start)
{
    for (unsigned i = 0; i < bodies[_i].count; i++)
        damage((enum kind)_i, bodies[_i].at[i], OF_BODY, false);
}
END_TEST

START_TEST(a_bit_of_a_row_before_the_start)
{
    for (unsigned i = 0; i < rows[_i].count; i++)
        damage((enum kind)_i, rows[_i].at[i], part_of(i), false);
}
END_TEST

START_TEST(a_bit_while_it_runs)
{
    damage((enum kind)_i, bodies[_i].at[3], OF_BODY, true);
    damage((enum kind)_i, rows[_i].at[0], part_of(0), true);
    damage((enum kind)_i, rows[_i].at[3], part_of(3), true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal damage");
    TCase *tests = tcase_create("damage");
    tcase_set_timeout(tests, 240);
    tcase_add_unchecked_fixture(tests, make_template, remove_template);
    tcase_add_loop_test(tests, a_bit_of_a_body_before_the_start, 0, KINDS);
    tcase_add_loop_test(tests, a_bit_of_a_row_before_the_start, 0, KINDS);
    tcase_add_loop_test(tests, a_bit_while_it_runs, 0, KINDS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
