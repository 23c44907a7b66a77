/* tests/unit/dictionaries/table_test.c -- the table of dictionaries: found, fetched once for all, refused, bounded. */
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/table.h"
#include "tests/unit/object/memory_store.h"
#include "tests/unit/runtime/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct memory_store store;
static struct dictionary_table *table;
static struct error error;

static void set_up(size_t bytes_max)
{
    memory_store_init(&store);
    table = dictionary_table_create(bytes_max);
}

static void tear_down(void)
{
    dictionary_table_destroy(table);
    memory_store_free(&store);
}

/* Under the name that its bytes have, or under the one that is given. */
static void put(struct span bytes, const char *name, char ret_id[DICTIONARY_ID_BYTES])
{
    char key[DICTIONARY_KEY_BYTES];
    dictionary_id_of(bytes, ret_id);
    if (name != NULL)
        (void)snprintf(ret_id, DICTIONARY_ID_BYTES, "%s", name);
    const struct object_attributes attributes = {.original_size = bytes.size, .is_size_known = true};
    (void)dictionary_key(span_from_string(ret_id), key);
    memory_store_put(&store, key, &attributes, bytes, SPAN_EMPTY);
}

static struct dictionary *find(const char *id)
{
    return dictionary_table_find(table, &store.store, SPAN("bucket"), span_from_string(id), &error);
}

static void expect_damaged(const char *id, const char *word)
{
    uint64_t failed = metric_read(&dictionary_table_counters(table)->failed);
    ck_assert_ptr_null(find(id));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    ck_assert_msg(strstr(error.message, word) != NULL && strstr(error.message, id) != NULL, "%s", error.message);
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->failed), failed + 1);
}

static void found_body(void *argument)
{
    (void)argument;
    char id[DICTIONARY_ID_BYTES];
    struct span bytes = SPAN("what all of them have in common");
    set_up(1 << 20);
    put(bytes, NULL, id);
    struct dictionary *first = find(id);
    struct dictionary *again = find(id);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_eq(first, again);
    ck_assert(span_equal(dictionary_bytes(first), bytes));
    ck_assert(!dictionary_can_compress(first, 1));
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->fetched), 1);

    struct dictionary *writes =
        dictionary_table_find_to_write(table, &store.store, SPAN("bucket"), span_from_string(id), 1, &error);
    ck_assert(writes != NULL && dictionary_can_compress(writes, 1) && writes != first);
    struct dictionary *now = find(id);
    ck_assert_ptr_eq(now, writes); /* it has taken the other one's place, without a second fetch */
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->fetched), 1);
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->count), 1);
    dictionary_drop(first);
    dictionary_drop(again);
    dictionary_drop(writes);
    dictionary_drop(now);
    tear_down();
}

static void refused_body(void *argument)
{
    (void)argument;
    char id[DICTIONARY_ID_BYTES];
    set_up(1 << 20);
    expect_damaged("0123456789abcdef", "is not in its bucket");
    expect_damaged("0123456789ABCDEF", "no id");
    expect_damaged("../../etc/passwd", "no id");
    put(SPAN("some bytes"), "0123456789abcdef", id);
    expect_damaged(id, "other bytes");
    struct span large = {.data = calloc(1, DICTIONARY_BYTES_MAX + 1), .size = DICTIONARY_BYTES_MAX + 1};
    put(large, NULL, id);
    expect_damaged(id, "larger");
    large.size--;
    put(large, NULL, id);
    struct dictionary *dictionary = find(id);
    ck_assert_ptr_nonnull(dictionary);
    dictionary_drop(dictionary);
    free((void *)(uintptr_t)large.data);
    put(SPAN("short"), NULL, id);
    expect_damaged(id, "5 bytes");
    put(SPAN("\x37\xa4\x30\xec and no more of a trained one"), NULL, id);
    expect_damaged(id, "none");
    tear_down();
}

enum { ASKERS = 20 };
static unsigned answered;

static void ask(void *argument)
{
    struct dictionary *dictionary = find(argument);
    answered++;
    dictionary_drop(dictionary);
}

static void merged_body(void *argument)
{
    (void)argument;
    char id[DICTIONARY_ID_BYTES];
    set_up(1 << 20);
    put(SPAN("what all of them have in common"), NULL, id);
    static const char missing[] = "00000000000000aa";
    answered = 0;
    for (unsigned i = 0; i < ASKERS; i++)
        spawn("ask", ask, i % 2 == 0 ? id : (char *)(uintptr_t)missing);
    while (answered < ASKERS)
        fiber_yield();
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->fetched), 1);
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(table)->failed), ASKERS / 2);
    ck_assert_uint_eq(store.reads, 1);
    tear_down();
}

/* What nobody holds goes, the longest unused first; what is held stays beyond the bound. */
static void bounded_body(void *argument)
{
    (void)argument;
    enum { COUNT = 12, SIZE = 100 << 10, ROOM = 512 << 10 };
    static uint8_t bytes[SIZE];
    char ids[COUNT][DICTIONARY_ID_BYTES];
    struct dictionary *held[COUNT];
    set_up(ROOM);
    for (unsigned i = 0; i < COUNT; i++) {
        memset(bytes, (int)i, sizeof bytes);
        put(span_of(bytes, sizeof bytes), NULL, ids[i]);
    }
    const struct dictionary_table_counters *counters = dictionary_table_counters(table);
    for (unsigned i = 0; i < COUNT; i++) {
        dictionary_drop(find(ids[i]));
        dictionary_drop(find(ids[0])); /* is used all the time */
        ck_assert_uint_le(metric_read(&counters->bytes), ROOM);
    }
    ck_assert_uint_eq(metric_read(&counters->fetched), COUNT); /* the first one never went */
    ck_assert_uint_eq(metric_read(&counters->evicted) + metric_read(&counters->count), COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        held[i] = find(ids[i]);
    ck_assert_uint_gt(metric_read(&counters->bytes), ROOM);
    ck_assert_uint_eq(metric_read(&counters->count), COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        dictionary_drop(held[i]);
    tear_down();
}

/* The fetch ends in the middle, because the object was replaced each time that it was looked at. */
static void changed_body(void *argument)
{
    (void)argument;
    char id[DICTIONARY_ID_BYTES];
    set_up(1 << 20);
    put(SPAN("what all of them have in common"), NULL, id);
    store.reads_until_changed = 0;
    ck_assert_ptr_null(find(id));
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    store.reads_until_changed = UINT64_MAX;
    struct dictionary *dictionary = find(id);
    ck_assert_ptr_nonnull(dictionary);
    dictionary_drop(dictionary);
    tear_down();
}

LOOP_TEST(found, found_body)
LOOP_TEST(refused, refused_body)
LOOP_TEST(merged, merged_body)
LOOP_TEST(bounded, bounded_body)
LOOP_TEST(changed, changed_body)

int main(void)
{
    Suite *suite = suite_create("the table of dictionaries");
    TCase *tests = tcase_create("table");
    tcase_add_test(tests, found);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, merged);
    tcase_add_test(tests, bounded);
    tcase_add_test(tests, changed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
