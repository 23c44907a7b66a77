/* tests/unit/journal/state_test.c -- every op has its documented result in every state, and layers add up. */
#include "journal/format/state.h"
#include "runtime/base/random.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define TABLE SPAN("table")

static const struct journal_id no_id;
static struct layer base;
static struct state state;
static struct buffer ops;

static void set_up(void)
{
    base = (struct layer){0};
    state_init(&state, &base, 0);
    buffer_init(&ops, 0);
}

static void tear_down(void)
{
    state_free(&state);
    layer_free(&base);
    buffer_free(&ops);
}

static void apply(void)
{
    struct error error;
    uint32_t count;
    ck_assert_msg(ops_check(buffer_span(&ops), &count, &error), "%s", error.message);
    ck_assert(state_apply_batch(&state, &no_id, 1, buffer_span(&ops)));
    buffer_clear(&ops);
}

static void apply_op(enum op_kind kind, struct span key, struct span value)
{
    op_put(&ops, &(struct op){kind, SPACE_TEST, TABLE, key, value});
    apply();
}

static void apply_add(struct span key, int64_t amount)
{
    op_put_counter_add(&ops, SPACE_TEST, TABLE, key, amount);
    apply();
}

static void apply_put_if(struct op_condition condition)
{
    op_put_map_put_if(&ops, SPACE_TEST, TABLE, SPAN("k"), &condition);
    apply();
}

static void expect_map(const char *expected)
{
    struct span value;
    bool is_there = state_map_get(&state, SPACE_TEST, TABLE, SPAN("k"), &value);
    ck_assert_int_eq(is_there, expected != NULL);
    ck_assert(expected == NULL || span_equal(value, span_from_string(expected)));
}

START_TEST(counters_wrap_and_are_never_clamped)
{
    ck_assert_int_eq(state_counter(&state, SPACE_TEST, TABLE, SPAN("c")), 0);
    apply_add(SPAN("c"), -100);
    ck_assert_int_eq(state_counter(&state, SPACE_TEST, TABLE, SPAN("c")), -100);
    apply_add(SPAN("c"), 100);
    ck_assert_int_eq(state_counter(&state, SPACE_TEST, TABLE, SPAN("c")), 0);
    ck_assert_uint_eq(layer_count(&state.changes), 0); /* 0 is absent */
    ck_assert_uint_eq(state.digest, 0);
    apply_add(SPAN("c"), INT64_MAX);
    apply_add(SPAN("c"), 1);
    ck_assert_int_eq(state_counter(&state, SPACE_TEST, TABLE, SPAN("c")), INT64_MIN);
    apply_add(SPAN("c"), INT64_MIN);
    ck_assert_int_eq(state_counter(&state, SPACE_TEST, TABLE, SPAN("c")), 0);
}
END_TEST

START_TEST(maps_and_sets)
{
    expect_map(NULL);
    apply_op(OP_MAP_DELETE, SPAN("k"), SPAN_EMPTY);
    expect_map(NULL);
    apply_op(OP_MAP_PUT, SPAN("k"), SPAN("a\0b"));
    struct span value;
    ck_assert(state_map_get(&state, SPACE_TEST, TABLE, SPAN("k"), &value));
    ck_assert(span_equal(value, SPAN("a\0b")));
    apply_op(OP_MAP_PUT, SPAN("k"), SPAN_EMPTY);
    expect_map("");
    apply_op(OP_MAP_DELETE, SPAN("k"), SPAN_EMPTY);
    expect_map(NULL);
    apply_op(OP_SET_REMOVE, SPAN("k"), SPAN_EMPTY);
    ck_assert(!state_set_has(&state, SPACE_TEST, TABLE, SPAN("k")));
    apply_op(OP_SET_ADD, SPAN("k"), SPAN_EMPTY);
    apply_op(OP_SET_ADD, SPAN("k"), SPAN_EMPTY);
    ck_assert(state_set_has(&state, SPACE_TEST, TABLE, SPAN("k")));
    expect_map(NULL); /* a set and a map of one name are two tables */
    apply_op(OP_SET_REMOVE, SPAN("k"), SPAN_EMPTY);
    ck_assert(!state_set_has(&state, SPACE_TEST, TABLE, SPAN("k")));
    ck_assert_uint_eq(state.digest, 0);
}
END_TEST

START_TEST(conditions_test_the_state_at_their_place)
{
    struct op_condition create = {.has_value = true, .value = SPAN("1")};
    struct op_condition replace = {true, SPAN("1"), true, SPAN("2")};
    struct op_condition take_away = {.is_expected = true, .expected = SPAN("2")};
    apply_put_if(replace);
    expect_map(NULL);
    apply_put_if(create);
    expect_map("1");
    apply_put_if(take_away);
    expect_map("1");
    apply_put_if(replace);
    expect_map("2");
    apply_put_if(create);
    expect_map("2");
    apply_put_if(take_away);
    expect_map(NULL);
}
END_TEST

START_TEST(the_greatest_stays_in_whatever_order)
{
    static const char *const values[] = {"b", "ab", "abc", "", "b\x01", "\xff", "\x7f"};
    enum { COUNT = sizeof values / sizeof *values };
    for (unsigned first = 0; first < COUNT;
         first++) { /* each is the first once, and forwards and backwards from there */
        for (unsigned i = 0; i < 2 * COUNT; i++) {
            unsigned at = i < COUNT ? (first + i) % COUNT : (first + 2 * COUNT - i) % COUNT;
            apply_op(OP_MAP_PUT_GREATER, SPAN("k"), span_from_string(values[at]));
            if (i == 0)
                expect_map(values[first]);
        }
        expect_map("\xff");
        apply_op(OP_MAP_DELETE, SPAN("k"), SPAN_EMPTY);
    }
    apply_op(OP_MAP_PUT_GREATER, SPAN("k"), SPAN("ab"));
    apply_op(OP_MAP_PUT_GREATER, SPAN("k"), SPAN("a"));
    expect_map("ab");
    apply_op(OP_MAP_PUT_GREATER, SPAN("k"), SPAN("abc")); /* the whole is greater than its beginning */
    expect_map("abc");
    apply_op(OP_MAP_PUT_GREATER, SPAN("k"), SPAN("ac"));
    expect_map("ac");
}
END_TEST

START_TEST(lists_keep_order_and_have_an_end)
{
    apply_op(OP_LIST_APPEND, SPAN("l"), SPAN("a"));
    apply_op(OP_LIST_APPEND, SPAN("l"), SPAN_EMPTY);
    apply_op(OP_LIST_APPEND, SPAN("l"), SPAN("bc"));
    struct span list = state_list(&state, SPACE_TEST, TABLE, SPAN("l"));
    ck_assert(span_equal(list, SPAN("\1\0\0\0a\0\0\0\0\2\0\0\0bc")));
    uint8_t *large = calloc(1, LIST_BYTES_MAX - 4);
    apply_op(OP_LIST_APPEND, SPAN("m"), span_of(large, LIST_BYTES_MAX - 4));
    apply_op(OP_LIST_APPEND, SPAN("m"), SPAN_EMPTY); /* one too many: no effect */
    ck_assert_uint_eq(state_list(&state, SPACE_TEST, TABLE, SPAN("m")).size, LIST_BYTES_MAX);
    free(large);
}
END_TEST

static void apply_record(const struct journal_id *spool, uint64_t n)
{
    struct buffer inner = {0};
    op_put_counter_add(&inner, SPACE_LEDGER, TABLE, SPAN("bytes"), 10);
    op_put_spool_record(&ops, spool, n, buffer_span(&inner));
    buffer_free(&inner);
    apply();
}

START_TEST(spool_records_count_once_and_in_order)
{
    const struct journal_id spool = {{7}};
    uint64_t last;
    apply_record(&spool, 1); /* not open */
    ck_assert(!state_spool_last(&state, &spool, &last));
    op_put_spool_open(&ops, &spool);
    apply();
    apply_record(&spool, 2); /* too early: n must be last + 1 */
    apply_record(&spool, 1);
    apply_record(&spool, 1); /* again */
    ck_assert(state_spool_last(&state, &spool, &last) && last == 1);
    ck_assert_int_eq(state_counter(&state, SPACE_LEDGER, TABLE, SPAN("bytes")), 10);
    op_put_spool_open(&ops, &spool); /* does not set it back */
    apply();
    apply_record(&spool, 2);
    ck_assert(state_spool_last(&state, &spool, &last) && last == 2);
    op_put_spool_close(&ops, &spool);
    apply();
    apply_record(&spool, 3);
    ck_assert(!state_spool_last(&state, &spool, &last));
    ck_assert_int_eq(state_counter(&state, SPACE_LEDGER, TABLE, SPAN("bytes")), 20);
}
END_TEST

START_TEST(a_batch_id_counts_once_until_it_expires)
{
    const struct journal_id id = {{1}};
    op_put_counter_add(&ops, SPACE_TEST, TABLE, SPAN("c"), 1);
    ck_assert(state_apply_batch(&state, &id, 5, buffer_span(&ops)));
    ck_assert(!state_apply_batch(&state, &id, 6, buffer_span(&ops)));
    uint64_t digest = state.digest;
    layer_absorb(&base, &state.changes);
    state_init(&state, &base, digest);
    state_expire(&state, 5);
    ck_assert(state_has_batch(&state, &id));
    ck_assert(!state_apply_batch(&state, &id, 7, buffer_span(&ops)));
    state_expire(&state, 6);
    ck_assert(!state_has_batch(&state, &id));
    ck_assert(state_apply_batch(&state, &id, 8, buffer_span(&ops)));
    ck_assert_int_eq(state_counter(&state, SPACE_TEST, TABLE, SPAN("c")), 2);
}
END_TEST

START_TEST(a_release_is_kept_as_long_as_a_batch_id)
{
    struct segment_key key = {.base = 3, .clock = 4, .sequence = 5};
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(&key, stored);
    op_put(&ops, &(struct op){.kind = OP_RELEASE, .key = span_of(stored, sizeof stored)});
    apply();
    ck_assert(state_has_release(&state, &key));
    struct layer below = {0};
    struct state next;
    uint64_t generation = 1;
    layer_absorb(&below, &state.changes);
    state_init(&next, &below, state.digest);
    state_expire(&next, generation);
    ck_assert(state_has_release(&next, &key));
    state_expire(&next, generation + 1);
    ck_assert(!state_has_release(&next, &key));
    ck_assert_uint_eq(next.digest, 0);
    state_free(&next);
    layer_free(&below);
}
END_TEST

static void random_op(const struct random_source *random)
{
    char letter = (char)('a' + random_below(random, 6));
    struct span key = span_of(&letter, 1);
    struct op_condition condition = {random_below(random, 2), SPAN("x"), random_below(random, 2), SPAN("y")};
    struct span value = random_below(random, 2) ? SPAN("x") : SPAN("longer");
    switch (random_below(random, 8)) {
    case 0:
        op_put_counter_add(&ops, SPACE_TEST, TABLE, key, (int64_t)random_below(random, 3) - 1);
        break;
    case 1:
        op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_TEST, TABLE, key, value});
        break;
    case 2:
        op_put(&ops, &(struct op){OP_MAP_DELETE, SPACE_TEST, TABLE, key, SPAN_EMPTY});
        break;
    case 3:
        op_put_map_put_if(&ops, SPACE_TEST, TABLE, key, &condition);
        break;
    case 4:
        op_put(&ops, &(struct op){OP_SET_ADD, SPACE_TEST, TABLE, key, SPAN_EMPTY});
        break;
    case 5:
        op_put(&ops, &(struct op){OP_SET_REMOVE, SPACE_TEST, TABLE, key, SPAN_EMPTY});
        break;
    case 6:
        op_put(&ops, &(struct op){OP_MAP_PUT_GREATER, SPACE_TEST, TABLE, key, value});
        break;
    default:
        op_put(&ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, TABLE, key, value});
    }
}

/* The digest that is kept equals the one that is counted, however the ops were cut into layers, and an unlayered state
 * that saw the same ops is the same. */
START_TEST(layers_add_up)
{
    struct random_seeded seeded;
    struct random_source random = random_seeded(&seeded, (uint64_t)_i + 1);
    struct state flat;
    state_init(&flat, NULL, 0);
    for (unsigned i = 0; i < 400; i++) {
        random_op(&random);
        ck_assert(state_apply_batch(&flat, &no_id, 1, buffer_span(&ops)));
        apply();
        ck_assert_uint_eq(state.digest, flat.digest);
        if (random_below(&random, 10) == 0) {
            uint64_t digest = state.digest;
            layer_absorb(&base, &state.changes);
            ck_assert_uint_eq(layer_digest(&base), digest);
            state_init(&state, &base, digest);
        }
    }
    ck_assert_uint_eq(layer_digest(&flat.changes), flat.digest);
    state_free(&flat);
}
END_TEST

START_TEST(what_cannot_be_written_is_refused)
{
    struct error error;
    uint32_t count;
    ck_assert(!ops_check(SPAN_EMPTY, &count, &error));
    op_put(&ops, &(struct op){OP_COUNTER_ADD, SPACE_TEST, TABLE, SPAN("k"), SPAN("seven..")});
    ck_assert(!ops_check(buffer_span(&ops), &count, &error)); /* a counter's amount has 8 bytes */
    buffer_clear(&ops);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_JOURNAL, TABLE, SPAN("k"), SPAN("v")});
    ck_assert(!ops_check(buffer_span(&ops), &count, &error)); /* the journal's own space */
    buffer_clear(&ops);
    op_put(&ops, &(struct op){OP_KIND_LAST + 1, SPACE_TEST, TABLE, SPAN("k"), SPAN("v")});
    ck_assert(!ops_check(buffer_span(&ops), &count, &error));
    buffer_clear(&ops);
    op_put_counter_add(&ops, SPACE_TEST, TABLE, SPAN("k"), 1);
    ck_assert(!ops_check(span_take(buffer_span(&ops), ops.size - 1), &count, &error));
    ck_assert(ops_check(buffer_span(&ops), &count, &error) && count == 1);
}
END_TEST

/* Records in records could nest as deep as a batch is long: refused at the second level. */
START_TEST(records_do_not_nest)
{
    const struct journal_id spool = {{9}};
    struct buffer inner = {0};
    op_put_counter_add(&inner, SPACE_TEST, TABLE, SPAN("k"), 1);
    for (unsigned i = 0; i < 2; i++) {
        buffer_clear(&ops);
        op_put_spool_record(&ops, &spool, 1, buffer_span(&inner));
        buffer_clear(&inner);
        buffer_append(&inner, buffer_span(&ops));
        struct cursor cursor = cursor_of(buffer_span(&ops));
        struct op op;
        ck_assert_int_eq(op_read(&cursor, &op), i == 0 ? OP_READ : OP_DAMAGED);
    }
    buffer_free(&inner);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("state");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, counters_wrap_and_are_never_clamped);
    tcase_add_test(cases, maps_and_sets);
    tcase_add_test(cases, conditions_test_the_state_at_their_place);
    tcase_add_test(cases, the_greatest_stays_in_whatever_order);
    tcase_add_test(cases, lists_keep_order_and_have_an_end);
    tcase_add_test(cases, spool_records_count_once_and_in_order);
    tcase_add_test(cases, a_batch_id_counts_once_until_it_expires);
    tcase_add_test(cases, a_release_is_kept_as_long_as_a_batch_id);
    tcase_add_loop_test(cases, layers_add_up, 0, 20);
    tcase_add_test(cases, what_cannot_be_written_is_refused);
    tcase_add_test(cases, records_do_not_nest);
    Suite *suite = suite_create("journal-state");
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
