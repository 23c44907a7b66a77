/* tests/unit/journal/ledger_test.c -- records become counters, and sums of a state, its layers and what is encoded
 * agree. */
#include "journal/savings/ledger.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static struct layer base;
static struct state state;
static const struct journal_id spool = {{1}};

static void set_up(void)
{
    base = (struct layer){0};
    state_init(&state, &base, 0);
}

static void tear_down(void)
{
    state_free(&state);
    layer_free(&base);
}

static void put(struct buffer *encoded, const char *bucket, uint64_t creation_id, int64_t objects, int64_t original,
                int64_t stored)
{
    spool_put_amounts(encoded,
                      &(struct spool_amounts){span_from_string(bucket), creation_id, {objects, original, stored}});
}

static void apply_record(uint64_t record, const char *bucket, uint64_t creation_id, int64_t objects, int64_t original,
                         int64_t stored)
{
    static const struct journal_id none;
    struct buffer amounts;
    struct buffer ops;
    struct error error;
    uint32_t count;
    buffer_init(&amounts, 0);
    buffer_init(&ops, 0);
    put(&amounts, bucket, creation_id, objects, original, stored);
    op_put_spool_open(&ops, &spool);
    ck_assert(ledger_put_record(&ops, &spool, record, buffer_span(&amounts), &error));
    ck_assert(ops_check(buffer_span(&ops), &count, &error));
    ck_assert(state_apply_batch(&state, &none, 1, buffer_span(&ops)));
    buffer_free(&amounts);
    buffer_free(&ops);
}

static void expect(const struct ledger_amounts *found, int64_t objects, int64_t original, int64_t stored)
{
    ck_assert_int_eq(found->objects, objects);
    ck_assert_int_eq(found->original_bytes, original);
    ck_assert_int_eq(found->stored_bytes, stored);
}

static void expect_bucket(const char *bucket, uint64_t creation_id, int64_t objects, int64_t original, int64_t stored)
{
    struct ledger_sums sums = {0};
    struct span name = span_from_string(bucket);
    struct ledger_amounts found = ledger_in_state(&state, name, creation_id);
    expect(&found, objects, original, stored);
    ledger_sums_add_state(&sums, &state);
    found = ledger_sums_find(&sums, name, creation_id);
    expect(&found, objects, original, stored);
    ledger_sums_free(&sums);
}

START_TEST(a_record_counts_once_and_for_its_bucket)
{
    apply_record(1, "a", 7, 2, 100, 50);
    apply_record(1, "a", 7, 2, 100, 50); /* again */
    apply_record(3, "a", 7, 9, 9, 9);    /* not the next one */
    apply_record(2, "a", 8, 1, 5, 5);    /* a later bucket of the name */
    apply_record(3, "ab", 7, -3, 0, -1);
    expect_bucket("a", 7, 2, 100, 50);
    expect_bucket("a", 8, 1, 5, 5);
    expect_bucket("ab", 7, -3, 0, -1);
    expect_bucket("b", 7, 0, 0, 0);
}
END_TEST

START_TEST(changes_hide_the_checkpoint)
{
    apply_record(1, "a", 7, 2, 100, 50);
    apply_record(2, "b", 8, 1, 10, 5);
    layer_absorb(&base, &state.changes);
    expect_bucket("a", 7, 2, 100, 50);
    apply_record(3, "a", 7, -1, -100, 1); /* one counter changes, one goes, one is left to the layer below */
    apply_record(4, "b", 8, 0, 5, 0);
    expect_bucket("a", 7, 1, 0, 51);
    expect_bucket("b", 8, 1, 15, 5);
}
END_TEST

START_TEST(sums_wrap_and_are_never_clamped)
{
    apply_record(1, "a", 7, INT64_MAX, -5, INT64_MIN);
    apply_record(2, "a", 7, 1, 3, -1);
    expect_bucket("a", 7, INT64_MIN, -2, INT64_MAX);
    apply_record(3, "a", 7, -1, 0, 1);
    expect_bucket("a", 7, INT64_MAX, -2, INT64_MIN);
}
END_TEST

START_TEST(a_difference_makes_both_equal)
{
    struct ledger_sums wanted = {0};
    struct ledger_sums counted = {0};
    struct buffer bytes;
    struct error error;
    buffer_init(&bytes, 0);
    put(&bytes, "same", 1, 5, 5, 5);
    put(&bytes, "more", 1, 7, 70, 7);
    put(&bytes, "new", 1, 1, 1, 1);
    ck_assert(ledger_sums_add_record(&wanted, buffer_span(&bytes), &error));
    buffer_clear(&bytes);
    put(&bytes, "same", 1, 5, 5, 5);
    put(&bytes, "more", 1, 6, 80, 7);
    put(&bytes, "more", 2, 1, 0, 0);
    put(&bytes, "gone", 1, -4, 4, INT64_MIN);
    ck_assert(ledger_sums_add_record(&counted, buffer_span(&bytes), &error));
    buffer_clear(&bytes);
    ledger_sums_difference(&wanted, &counted, &bytes);
    ck_assert(ledger_sums_add_record(&counted, buffer_span(&bytes), &error));
    struct ledger_amounts found = ledger_sums_find(&counted, SPAN("gone"), 1);
    expect(&found, 0, 0, 0);
    found = ledger_sums_find(&counted, SPAN("more"), 1);
    expect(&found, 7, 70, 7);
    found = ledger_sums_find(&counted, SPAN("more"), 2);
    expect(&found, 0, 0, 0);
    buffer_clear(&bytes);
    ledger_sums_difference(&wanted, &counted, &bytes);
    ck_assert_uint_eq(bytes.size, 0);
    buffer_free(&bytes);
    ledger_sums_free(&wanted);
    ledger_sums_free(&counted);
}
END_TEST

START_TEST(damaged_amounts_are_refused_wherever_they_end)
{
    struct buffer bytes;
    struct buffer ops;
    struct error error;
    buffer_init(&bytes, 0);
    buffer_init(&ops, 0);
    put(&bytes, "bucket", 1, 5, 5, 5);
    size_t whole = bytes.size;
    put(&bytes, "b", 2, 1, 1, 1);
    for (size_t size = 0; size <= bytes.size; size++) {
        struct ledger_sums sums = {0};
        struct span part = span_take(buffer_span(&bytes), size);
        bool is_sound = size == 0 || size == whole || size == bytes.size;
        buffer_clear(&ops);
        ck_assert(ledger_sums_add_record(&sums, part, &error) == is_sound);
        ck_assert(ledger_put_record(&ops, &spool, 1, part, &error) == is_sound);
        ck_assert((ops.size > 0) == is_sound);
        ledger_sums_free(&sums);
    }
    bytes.data[0] = 0;
    ck_assert(!ledger_put_record(&ops, &spool, 1, buffer_span(&bytes), &error));
    bytes.data[0] = BUCKET_NAME_BYTES_MAX + 1;
    ck_assert(!ledger_put_record(&ops, &spool, 1, buffer_span(&bytes), &error));
    buffer_free(&bytes);
    buffer_free(&ops);
}
END_TEST

START_TEST(the_largest_record_is_one_op_of_one_batch)
{
    struct buffer bytes;
    struct buffer ops;
    struct error error;
    uint32_t count;
    char name[BUCKET_NAME_BYTES_MAX + 1];
    memset(name, 'n', BUCKET_NAME_BYTES_MAX);
    name[BUCKET_NAME_BYTES_MAX] = '\0';
    buffer_init(&bytes, 0);
    buffer_init(&ops, 0);
    for (uint64_t i = 0; i < SPOOL_RECORD_BUCKETS_MAX; i++)
        put(&bytes, name, i + 1, -1, INT64_MIN, INT64_MAX);
    ck_assert(ledger_put_record(&ops, &spool, 1, buffer_span(&bytes), &error));
    ck_assert(ops_check(buffer_span(&ops), &count, &error)); /* BATCH_BYTES_MAX holds */
    ck_assert_uint_eq(count, 1);
    buffer_free(&bytes);
    buffer_free(&ops);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal ledger");
    TCase *tests = tcase_create("ledger");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_record_counts_once_and_for_its_bucket);
    tcase_add_test(tests, changes_hide_the_checkpoint);
    tcase_add_test(tests, sums_wrap_and_are_never_clamped);
    tcase_add_test(tests, a_difference_makes_both_equal);
    tcase_add_test(tests, damaged_amounts_are_refused_wherever_they_end);
    tcase_add_test(tests, the_largest_record_is_one_op_of_one_batch);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
