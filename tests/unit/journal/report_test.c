/* tests/unit/journal/report_test.c -- every damaged object of a journal is named, whatever the damage; what a report
 * says is what replicas have; and looking changes nothing. */
#include "journal/report/report.h"

#include "codec/format/crc.h"
#include "journal/ground/ground.h"
#include "journal/repair/cold.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/journal/restore_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct journal_report report;

static void look(bool verify)
{
    struct error error;
    uint64_t writes = store.writes;
    report_free(&report);
    if (!report_of_store(&machine.environment, verify, NULL, &report, &error))
        ck_abort_msg("%s", error.message);
    ck_assert_uint_eq(store.writes, writes);
}

static const struct report_finding *find_finding(const char *name)
{
    for (unsigned i = 0; i < report.findings_count; i++) {
        if (strcmp(report.findings[i].name, name) == 0)
            return &report.findings[i];
    }
    return NULL;
}

/* Several generations, and one segment of base `generation` that no fold has taken. */
static void make_journal(void)
{
    static struct machine process;
    struct segment_key key;
    uint64_t generation;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine_add(&process, 10);
    machine_fold(&process, 6);
    do {
        machine_add(&process, 10);
        ck_assert(segment_name_parse(span_from_string(memory_last(&store, SEGMENTS_PREFIX)->name), &key));
        generation = journal_head(process.journal)->generation;
    } while (key.base < generation);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
}

/* ---- damage ---- */

enum damage { BIT_FLIPPED, TRUNCATED, EMPTY, LONGER, OF_ANOTHER, DAMAGE_COUNT };

static void damage(struct memory_object *object, enum damage kind)
{
    struct buffer *body = &object->body;
    switch (kind) {
    case BIT_FLIPPED:
        body->data[body->size / 2] ^= 0x20;
        break;
    case TRUNCATED:
        body->size--;
        break;
    case EMPTY:
        body->size = 0;
        break;
    case LONGER:
        buffer_append_byte(body, 0);
        break;
    case OF_ANOTHER: /* sound bytes under a wrong name */
        buffer_clear(body);
        buffer_append(body, buffer_span(&memory_find(&store, GROUND_NAME)->body));
        break;
    case DAMAGE_COUNT:
        break;
    }
}

static void expect_named(const char *name, enum journal_condition condition)
{
    struct memory_object *object = memory_find(&store, name);
    struct buffer good = {0};
    buffer_append(&good, buffer_span(&object->body));
    for (unsigned kind = 0; kind < DAMAGE_COUNT; kind++) {
        if (kind == OF_ANOTHER && strcmp(name, GROUND_NAME) == 0)
            continue;
        damage(object, kind);
        look(true);
        ck_assert_msg(find_finding(name) != NULL, "%s, damage %u", name, kind);
        ck_assert(!find_finding(name)->is_harmless);
        ck_assert(!report_is_sound(&report));
        ck_assert_str_eq(journal_condition_name(report.condition), journal_condition_name(condition));
        buffer_clear(&object->body);
        buffer_append(&object->body, buffer_span(&good));
        look(true);
        ck_assert(report_is_sound(&report));
    }
    buffer_free(&good);
}

static const char *part_name_of(enum part_kind kind, char name[JOURNAL_NAME_BYTES])
{
    const struct head *head = &report.head;
    for (uint32_t i = 0; i < head->ancestors_count && kind == PART_ROLL; i++) {
        if (head->ancestors[i].folded_count > 0) {
            part_name_format(&(struct part_name){head->generation - i, head->ancestors[i].nonce, kind}, name);
            return name;
        }
    }
    part_name_format(&(struct part_name){head->layers[0].generation, head->layers[0].nonce, PART_STATE}, name);
    return name;
}

static void names_damage(void)
{
    char name[JOURNAL_NAME_BYTES];
    make_journal();
    look(true);
    ck_assert(report_is_sound(&report));
    ck_assert_uint_eq(report.checked_objects, store.count);
    ck_assert_uint_ge(report.live_segments, 1);
    expect_named(HEAD_NAME, JOURNAL_HEAD_DAMAGED);
    expect_named(GROUND_NAME, JOURNAL_GROUND_MISSING);
    expect_named(part_name_of(PART_ROLL, name), JOURNAL_CHECKPOINT_LOST);
    expect_named(part_name_of(PART_STATE, name), JOURNAL_CHECKPOINT_LOST);
    (void)snprintf(name, sizeof name, "%s", memory_last(&store, SEGMENTS_PREFIX)->name);
    expect_named(name, JOURNAL_RUNS);
    (void)snprintf(name, sizeof name, "%s", memory_last(&store, HEADS_PREFIX)->name);
    expect_named(name, JOURNAL_RUNS);
}

START_TEST(every_damaged_object_is_named)
{
    run(names_damage);
}
END_TEST

static void names_missing(void)
{
    char name[JOURNAL_NAME_BYTES];
    make_journal();
    look(false);
    static const enum part_kind kinds[] = {PART_ROLL, PART_STATE};
    for (unsigned i = 0; i < 2; i++) {
        struct buffer good = {0};
        buffer_append(&good, buffer_span(&memory_find(&store, part_name_of(kinds[i], name))->body));
        memory_remove(&store, name);
        look(false);
        ck_assert_int_eq(report.condition, JOURNAL_CHECKPOINT_LOST);
        ck_assert_ptr_nonnull(strstr(report.findings[0].text, name));
        memory_put(&store, name, buffer_span(&good));
        buffer_free(&good);
    }
    memory_put(&store, "parts/what", SPAN("x"));
    look(true);
    ck_assert_ptr_nonnull(strstr(find_finding("parts/what")->text, "no object of a journal"));
    memory_remove(&store, "parts/what");
    memory_remove(&store, HEAD_NAME);
    look(false);
    ck_assert_int_eq(report.condition, JOURNAL_HEAD_MISSING);
    ck_assert(!report_is_sound(&report));
}

START_TEST(what_is_missing_is_named)
{
    run(names_missing);
}
END_TEST

/* What a later version wrote is no damage. */
static void meets_newer_version(void)
{
    make_journal();
    struct buffer *body = &memory_last(&store, SEGMENTS_PREFIX)->body;
    body->data[4] = 2;
    struct span payload = span_skip(buffer_span(body), FRAME_HEADER_BYTES);
    store_u32_le(body->data + 12, crc32c_update(crc32c_update(0, span_of(body->data, 12)), payload));
    look(true);
    ck_assert_int_eq(report.condition, JOURNAL_RUNS);
    ck_assert(!report_is_sound(&report));
    ck_assert_ptr_nonnull(strstr(report.findings[0].text, "format 2"));
    ck_assert_ptr_nonnull(strstr(report.findings[1].text, "upgrade"));
}

START_TEST(a_later_version_is_told_apart)
{
    run(meets_newer_version);
}
END_TEST

/* A sound head of which the state part holds other entries: every checksum is right, the digest is not. */
static void finds_wrong_digest(void)
{
    char name[JOURNAL_NAME_BYTES];
    make_journal();
    look(false);
    struct buffer *body = &memory_find(&store, part_name_of(PART_STATE, name))->body;
    body->data[body->size - 1] ^= 1;
    struct span payload = span_skip(buffer_span(body), FRAME_HEADER_BYTES);
    store_u32_le(body->data + 12, crc32c_update(crc32c_update(0, span_of(body->data, 12)), payload));
    look(true);
    ck_assert_int_eq(report.condition, JOURNAL_CHECKPOINT_LOST);
    ck_assert_ptr_nonnull(strstr(report.findings[0].text, "the digest differs"));
}

START_TEST(a_state_with_a_wrong_digest_is_found)
{
    run(finds_wrong_digest);
}
END_TEST

/* ---- agreement ---- */

static void agrees(void)
{
    static struct machine process;
    static struct journal_report running;
    struct checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    struct cold_segments segments = {0};
    struct state state;
    struct error error;
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    machine.environment.scheduler = &process.scheduler.base;
    for (unsigned i = 0; i < 60; i++) {
        machine_add(&process, i);
        ck_assert(cold_read(&machine.environment, checkpoint, &segments, &error));
        if (checkpoint->head.generation != journal_head(process.journal)->generation)
            continue;
        cold_derive(checkpoint, &segments, false, checkpoint->head.generation + 1, &state);
        ck_assert_uint_eq(state.digest, journal_state(process.journal)->digest);
        state_free(&state);
        ck_assert(report_of_store(&machine.environment, true, NULL, &report, &error));
        report_of_journal(process.journal, NULL, &running);
        ck_assert(report_is_sound(&running));
        if (running.head.generation == report.head.generation)
            ck_assert_uint_eq(running.live_segments, report.live_segments);
        ck_assert_uint_eq(running.writers_count, 1);
        ck_assert_uint_eq(report.writers_count, 1);
        ck_assert_mem_eq(&running.writers[0].id, &report.writers[0].id, sizeof(struct journal_id));
        report_free(&running);
        report_free(&report);
    }
    checkpoint_free(checkpoint);
    free(checkpoint);
    cold_segments_free(&segments);
    machine_stop(&process);
    machine.environment.scheduler = &machine.scheduler.base;
    store.scheduler = &machine.scheduler.base;
}

START_TEST(a_cold_look_sees_what_a_replica_has)
{
    run(agrees);
}
END_TEST

static void shows_spools(void)
{
    static struct machine process;
    struct buffer ops = {0};
    struct buffer inner = {0};
    struct error error;
    struct journal_id spool = {{7}};
    struct buffer text = {0};
    machine_start(&process, &store, 1);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    op_put_counter_add(&inner, SPACE_LEDGER, SPAN("objects"), SPAN("b"), 1);
    op_put_spool_open(&ops, &spool);
    op_put_spool_record(&ops, &spool, 1, buffer_span(&inner));
    op_put_spool_record(&ops, &spool, 2, buffer_span(&inner));
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(process.journal, &batch, &error).outcome, JOURNAL_COMMITTED);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
    look(false);
    ck_assert_uint_eq(report.spools_count, 1);
    ck_assert(report.spools[0].is_open && !report.spools[0].is_local);
    ck_assert_uint_eq(report.spools[0].last, 2);
    report_put_json(&report, &text);
    buffer_append_byte(&text, 0);
    ck_assert_ptr_nonnull(strstr((char *)text.data, "{\"sound\":true,\"condition\":\"running\""));
    ck_assert_ptr_nonnull(strstr((char *)text.data, "\"spools\":[{\"id\":\"07000000000000000000000000000000\","
                                                    "\"open\":true,\"last\":2,\"age_ms\":null}]"));
    buffer_free(&text);
    buffer_free(&ops);
    buffer_free(&inner);
}

START_TEST(open_spools_are_shown)
{
    run(shows_spools);
}
END_TEST

static void is_nothing_there(void)
{
    struct error error;
    look(true);
    ck_assert_int_eq(report.condition, JOURNAL_NOT_READY);
    ck_assert(report_is_sound(&report));
    store.lost_permille = 1000;
    ck_assert(!report_of_store(&machine.environment, true, NULL, &report, &error));
    ck_assert_int_eq(error.kind, ERROR_BUSY);
}

START_TEST(no_journal_is_sound_and_no_answer_is_no_report)
{
    run(is_nothing_there);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_damaged_object_is_named);
    tcase_add_test(tests, what_is_missing_is_named);
    tcase_add_test(tests, a_later_version_is_told_apart);
    tcase_add_test(tests, a_state_with_a_wrong_digest_is_found);
    tcase_add_test(tests, a_cold_look_sees_what_a_replica_has);
    tcase_add_test(tests, open_spools_are_shown);
    tcase_add_test(tests, no_journal_is_sound_and_no_answer_is_no_report);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
