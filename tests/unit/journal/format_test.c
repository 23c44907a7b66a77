/* tests/unit/journal/format_test.c -- objects come back as they were written, and damage to any byte is noticed. */
#include "tests/unit/journal/samples.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static struct buffer body;
static struct error error;

static void set_up(void)
{
    buffer_init(&body, 0);
}

static void tear_down(void)
{
    buffer_free(&body);
}

static bool decodes(struct span bytes)
{
    static struct head head;
    struct segment segment;
    struct layer layer = {0};
    struct segment_key *keys = NULL;
    uint32_t count;
    struct part_name roll = sample_part(PART_ROLL);
    struct part_name state = sample_part(PART_STATE);
    bool is_good = false;
    if (bytes.size >= 4 && memcmp(bytes.data, SEGMENT_MAGIC, 4) == 0)
        is_good = segment_decode(bytes, &segment, &error);
    else if (bytes.size >= 4 && memcmp(bytes.data, HEAD_MAGIC, 4) == 0)
        is_good = head_decode(bytes, &head, &error);
    else if (bytes.size >= 4 && memcmp(bytes.data, ROLL_MAGIC, 4) == 0)
        is_good = roll_decode(bytes, &roll, &keys, &count, &error);
    else
        is_good = state_part_decode(bytes, &state, &layer, &error);
    free(keys);
    layer_free(&layer);
    return is_good;
}

/* Every bit and every length. */
static void expect_damage_is_noticed(void)
{
    ck_assert_msg(decodes(buffer_span(&body)), "%s", error.message);
    for (size_t bit = 0; bit < 8 * body.size; bit++) {
        body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(!decodes(buffer_span(&body)), "bit %zu", bit);
        body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < body.size; size++) {
        uint8_t *shorter = malloc(size + 1);
        memcpy(shorter, body.data, size);
        ck_assert(!decodes(span_of(shorter, size)));
        free(shorter);
    }
    buffer_append_byte(&body, 0);
    ck_assert(!decodes(buffer_span(&body)));
}

START_TEST(segments_come_back)
{
    struct segment segment;
    ck_assert(sample_segment(&body, &error));
    ck_assert_msg(segment_decode(buffer_span(&body), &segment, &error), "%s", error.message);
    struct segment_key key = sample_key(9);
    struct segment_key predecessor = sample_key(8);
    ck_assert(segment_key_equal(&segment.key, &key));
    ck_assert(segment.has_predecessor && segment_key_equal(&segment.predecessor, &predecessor));
    ck_assert_uint_eq(segment.batches_count, 2);
    struct cursor cursor = cursor_of(segment.batches);
    struct batch batch;
    struct journal_id id = sample_id(0x30);
    ck_assert(segment_next_batch(&cursor, &batch) && batch.ops_count == 6 && journal_id_equal(&batch.id, &id));
    ck_assert(segment_next_batch(&cursor, &batch) && batch.ops_count == 6 && journal_id_is_zero(&batch.id));
    ck_assert(!segment_next_batch(&cursor, &batch));
    expect_damage_is_noticed();
}
END_TEST

static void expect_unknown_kind(struct span ops)
{
    struct segment segment = {.lineage = sample_id(1), .key = sample_key(2)};
    segment_begin(&body, &segment);
    segment_add_batch(&body, &(struct batch){.ops_count = 1, .ops = ops});
    ck_assert(segment_end(&body, &error));
    ck_assert(!segment_decode(buffer_span(&body), &segment, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
}

/* J40: what a later version wrote is sound, only not understood. */
START_TEST(later_kinds_are_told_from_damage)
{
    struct buffer ops = {0};
    struct buffer outer = {0};
    struct journal_id spool = sample_id(3);
    op_put(&ops, &(struct op){OP_KIND_LAST + 1, SPACE_TEST, SPAN("t"), SPAN("k"), SPAN("v")});
    expect_unknown_kind(buffer_span(&ops));
    op_put_spool_record(&outer, &spool, 1, buffer_span(&ops));
    expect_unknown_kind(buffer_span(&outer));
    buffer_free(&ops);
    buffer_free(&outer);
}
END_TEST

START_TEST(heads_come_back)
{
    static struct head head, decoded;
    sample_head(&head);
    ck_assert(head_encode(&head, &body, &error));
    ck_assert_msg(head_decode(buffer_span(&body), &decoded, &error), "%s", error.message);
    ck_assert_mem_eq(&head, &decoded, sizeof head);
    ck_assert_ptr_eq(head_ancestor(&decoded, 11), &decoded.ancestors[1]);
    ck_assert_ptr_null(head_ancestor(&decoded, 10));
    ck_assert_ptr_null(head_ancestor(&decoded, 13));
    ck_assert_uint_eq(head_window_begin(&decoded), 9);
    struct segment_key quarantined = sample_key(5);
    struct segment_key other = sample_key(6);
    ck_assert_ptr_nonnull(head_find_quarantined(&decoded, &quarantined));
    ck_assert_ptr_null(head_find_quarantined(&decoded, &other));
    expect_damage_is_noticed();
}
END_TEST

/* J43: the head stays below 64 KiB even where every list is full. */
START_TEST(the_fullest_head_fits)
{
    static struct head head, decoded;
    sample_head(&head);
    head.generation = HEAD_HORIZON_MAX;
    head.horizon = HEAD_HORIZON_MAX;
    head.ancestors_count = HEAD_HORIZON_MAX;
    head.layers_count = HEAD_LAYERS_MAX;
    head.dropped_count = HEAD_DROPPED_MAX;
    head.quarantine_count = HEAD_QUARANTINE_MAX;
    head.missing_count = HEAD_MISSING_MAX;
    ck_assert(head_encode(&head, &body, &error));
    ck_assert_uint_lt(body.size, 64 << 10);
    ck_assert(head_decode(buffer_span(&body), &decoded, &error));
    ck_assert_mem_eq(&head, &decoded, sizeof head);
}
END_TEST

START_TEST(rolls_come_back)
{
    struct part_name name = sample_part(PART_ROLL);
    struct segment_key *keys;
    uint32_t count;
    ck_assert(sample_roll(&body, &error));
    ck_assert(roll_decode(buffer_span(&body), &name, &keys, &count, &error));
    ck_assert_uint_eq(count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct segment_key expected = sample_key(7 + i);
        ck_assert(segment_key_equal(&keys[i], &expected));
    }
    free(keys);
    name.generation++; /* a sound part under another's name */
    ck_assert(!roll_decode(buffer_span(&body), &name, &keys, &count, &error));
    expect_damage_is_noticed();
    struct segment_key unordered[] = {sample_key(8), sample_key(7)};
    name = sample_part(PART_ROLL);
    ck_assert(roll_encode(&name, unordered, 2, &body, &error));
    ck_assert(!roll_decode(buffer_span(&body), &name, &keys, &count, &error));
}
END_TEST

START_TEST(state_parts_come_back)
{
    uint64_t digest;
    struct part_name name = sample_part(PART_STATE);
    struct layer layer = {0};
    ck_assert(sample_state_part(&body, &digest, &error));
    ck_assert_msg(state_part_decode(buffer_span(&body), &name, &layer, &error), "%s", error.message);
    ck_assert_uint_eq(layer_digest(&layer), digest);
    struct buffer again = {0};
    ck_assert(state_part_encode(&name, &layer, true, &again, &error));
    ck_assert(span_equal(buffer_span(&again), buffer_span(&body)));
    ck_assert(state_part_encode(&name, &layer, false, &again, &error));
    ck_assert_uint_lt(again.size, body.size); /* the deleted entry is not in the lowest layer */
    buffer_free(&again);
    layer_free(&layer);
    expect_damage_is_noticed();
}
END_TEST

START_TEST(names_come_back_and_sort_in_canonical_order)
{
    struct segment_key keys[] = {sample_key(1), sample_key(15), sample_key(16), sample_key(255), sample_key(1U << 31)};
    char previous[JOURNAL_NAME_BYTES] = "";
    for (unsigned i = 0; i < 5; i++) {
        char name[JOURNAL_NAME_BYTES];
        char begin[JOURNAL_NAME_BYTES];
        struct segment_key parsed;
        segment_name_format(&keys[i], name);
        segment_name_format_before(keys[i].base, begin);
        ck_assert(segment_name_parse(span_from_string(name), &parsed) && segment_key_equal(&parsed, &keys[i]));
        ck_assert_int_lt(strcmp(previous, begin), 0);
        ck_assert_int_lt(strcmp(begin, name), 0);
        memcpy(previous, name, sizeof name);
        name[10] = 'A'; /* one key has one name */
        ck_assert(!segment_name_parse(span_from_string(name), &parsed));
    }
    struct part_name part = sample_part(PART_STATE);
    struct part_name parsed;
    char name[JOURNAL_NAME_BYTES];
    part_name_format(&part, name);
    ck_assert(part_name_parse(span_from_string(name), &parsed));
    ck_assert(parsed.generation == 12 && parsed.kind == PART_STATE && journal_id_equal(&parsed.nonce, &part.nonce));
    ck_assert(!part_name_parse(span_take(span_from_string(name), strlen(name) - 1), &parsed));
    uint64_t generation;
    struct journal_id nonce;
    head_copy_name_format(12, &part.nonce, name);
    ck_assert(head_copy_name_parse(span_from_string(name), &generation, &nonce) && generation == 12);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("format");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, segments_come_back);
    tcase_add_test(cases, later_kinds_are_told_from_damage);
    tcase_add_test(cases, heads_come_back);
    tcase_add_test(cases, the_fullest_head_fits);
    tcase_add_test(cases, rolls_come_back);
    tcase_add_test(cases, state_parts_come_back);
    tcase_add_test(cases, names_come_back_and_sort_in_canonical_order);
    Suite *suite = suite_create("journal-format");
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
