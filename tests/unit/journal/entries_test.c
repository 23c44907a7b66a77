/* tests/unit/journal/entries_test.c -- the table against a plain model; what lies between base and changes; what the
 * last generations covered. */
#include "journal/format/state.h"
#include "journal/replica/covered.h"
#include "runtime/base/random.h"

#include <check.h>
#include <stdlib.h>

enum { KEYS = 60000, STEPS = 400000, VALUE_BYTES_MAX = 900 };

static struct random_seeded random_state;
static struct random_source source;

static struct span key_of(uint32_t number, uint8_t ret_bytes[8])
{
    memcpy(ret_bytes, &number, sizeof number);
    return span_of(ret_bytes, 4 + number % 5); /* the rest is zero */
}

static void fill(uint32_t number, uint8_t *ret_value, int size)
{
    for (int i = 0; i < size; i++)
        ret_value[i] = (uint8_t)(number + (unsigned)i);
}

/* Says it once only: libcheck writes each assertion down. */
static bool is_as_expected(const struct entries *entries, uint32_t number, int size)
{
    uint8_t bytes[8] = {0}, value[VALUE_BYTES_MAX];
    struct span key = key_of(number, bytes);
    const struct entry *entry = entries_find(entries, key, entries_hash(key));
    if (entry == NULL || size < 0)
        return entry == NULL && size < 0;
    fill(number, value, size);
    return span_equal(entry_key(entry), key) && span_equal(entry_value(entry), span_of(value, (size_t)size));
}

START_TEST(a_table_is_what_a_list_would_be)
{
    struct entries entries = {0};
    int *sizes = malloc(KEYS * sizeof *sizes); /* of the values; -1: absent */
    size_t count = 0, total = 0;
    for (unsigned i = 0; i < KEYS; i++)
        sizes[i] = -1;
    for (unsigned step = 0; step < STEPS; step++) {
        uint8_t bytes[8] = {0}, value[VALUE_BYTES_MAX];
        uint32_t number = (uint32_t)random_below(&source, KEYS);
        struct span key = key_of(number, bytes);
        uint64_t kind = random_below(&source, 8);
        int size = kind == 0 ? -1 : (int)random_below(&source, kind == 1 ? VALUE_BYTES_MAX : 40);
        if (sizes[number] >= 0) {
            count--;
            total -= key.size + (size_t)sizes[number];
        }
        fill(number, value, size);
        if (size < 0) {
            entries_remove(&entries, key, entries_hash(key));
        } else {
            (void)entries_put(&entries, key, entries_hash(key), span_of(value, (size_t)size));
            count++;
            total += key.size + (size_t)size;
        }
        sizes[number] = size;
        uint32_t other = (uint32_t)random_below(&source, KEYS);
        if (!is_as_expected(&entries, other, sizes[other]) || entries.count != count || entries.bytes != total)
            ck_abort_msg("step %u", step);
    }
    size_t at = 0, seen = 0;
    while (entries_next(&entries, &at) != NULL)
        seen++;
    ck_assert_uint_eq(seen, count);
    for (uint32_t i = 0; i < KEYS; i++) {
        if (!is_as_expected(&entries, i, sizes[i]))
            ck_abort_msg("key %u", i);
    }
    const struct entry **sorted = entries_sorted(&entries);
    for (size_t i = 1; i < count; i++) {
        if (span_compare(entry_key(sorted[i - 1]), entry_key(sorted[i])) >= 0)
            ck_abort_msg("place %zu", i);
    }
    free(sorted);
    at = 0;
    while (entries_free_some(&entries, &at, 100))
        ;
    ck_assert_uint_eq(entries.count, 0);
    free(sizes);
}
END_TEST

/* ---- a layer on its way into the base ---- */

static void add(struct state *state, uint32_t number, int64_t amount)
{
    struct buffer ops = {0};
    static const struct journal_id none;
    op_put_counter_add(&ops, SPACE_TEST, SPAN("t"), span_of(&number, sizeof number), amount);
    ck_assert(state_apply_batch(state, &none, 1, buffer_span(&ops)));
    buffer_free(&ops);
}

static uint64_t digest_of(const struct state *state)
{
    uint64_t digest = 0;
    struct state_walk walk = {0};
    for (const struct entry *entry; (entry = state_next(state, &walk)) != NULL;)
        digest += entry_digest(entry);
    return digest;
}

START_TEST(what_is_absorbed_bit_by_bit_is_seen_throughout)
{
    struct layer base = {0};
    struct state first, over, view;
    state_init(&first, NULL, 0);
    for (uint32_t i = 0; i < 3000; i++)
        add(&first, i, 5);
    layer_absorb(&base, &first.changes);
    state_init(&over, &base, first.digest);
    for (uint32_t i = 0; i < 4000; i += 2)
        add(&over, i, i % 3 == 0 ? -5 : 7); /* some become absent */
    state_init(&view, &base, over.digest);
    view.recent = &over.changes;
    for (uint32_t i = 0; i < 5000; i += 5)
        add(&view, i, 11);
    ck_assert_uint_eq(digest_of(&view), view.digest);
    struct layer_walk walk = {0};
    bool more = true;
    while (more) {
        more = layer_absorb_some(&base, &over.changes, &walk, 7);
        ck_assert_uint_eq(digest_of(&view), view.digest);
        uint32_t number = (uint32_t)random_below(&source, 5000);
        int64_t expected = (number < 3000 ? 5 : 0) + (number % 5 == 0 ? 11 : 0);
        if (number < 4000 && number % 2 == 0)
            expected += number % 3 == 0 ? -5 : 7;
        ck_assert_int_eq(state_counter(&view, SPACE_TEST, SPAN("t"), span_of(&number, sizeof number)), expected);
    }
    layer_free(&over.changes);
    ck_assert_uint_eq(digest_of(&view), view.digest);
    layer_absorb(&base, &view.changes);
    ck_assert_uint_eq(layer_digest(&base), view.digest);
    layer_free(&base);
}
END_TEST

/* ---- coverage ---- */

START_TEST(generations_are_forgotten_whole)
{
    struct covered covered = {0};
    struct segment_key key = {.base = 1};
    for (uint64_t generation = 2; generation < 60; generation++) {
        struct segment_key *keys = calloc(100, sizeof *keys);
        for (unsigned i = 0; i < 100; i++)
            keys[i] = (struct segment_key){.base = generation - 1, .clock = i};
        covered_add(&covered, generation, keys, 100);
        keys = calloc(1, sizeof *keys);
        covered_add(&covered, generation, keys, 1); /* again: left as it is */
        covered_forget(&covered, generation < 24 ? 0 : generation - 23);
        for (uint64_t other = 2; other <= generation; other++) {
            key = (struct segment_key){.base = other - 1, .clock = random_below(&source, 100)};
            ck_assert_uint_eq(covered_generation(&covered, &key), other + 23 < generation ? 0 : other);
        }
        ck_assert_uint_le(covered.by_key.count, 2400);
    }
    key = (struct segment_key){0};
    ck_assert_uint_eq(covered_generation(&covered, &key), 0);
    covered_free(&covered);
}
END_TEST

int main(void)
{
    source = random_seeded(&random_state, 7);
    Suite *suite = suite_create("journal-entries");
    TCase *tests = tcase_create("entries");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_table_is_what_a_list_would_be);
    tcase_add_test(tests, what_is_absorbed_bit_by_bit_is_seen_throughout);
    tcase_add_test(tests, generations_are_forgotten_whole);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
