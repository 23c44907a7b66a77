/* tests/unit/object/packing_test.c -- numbers on their way in: found, packed in columns, said so, and read again. */
#include "bench/data/data_sets.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_BYTES = (3 << 20) + 777 };

static struct memory_store store;
static struct object_codecs *codecs;
static uint8_t body[BODY_BYTES];

static void set_up(const struct object_settings *settings)
{
    memory_store_init(&store);
    codecs = object_codecs_create(settings);
}

static void tear_down(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

static struct object_settings settings_with_columns(void)
{
    struct object_settings settings = ordinary_settings();
    settings.columns = true;
    return settings;
}

static struct span body_of(const char *name, size_t size)
{
    data_set_fill(data_set_find(name), body, size);
    return span_of(body, size);
}

static void whole_and_ranges(const char *key, struct span expected)
{
    must_download(codecs, &store, key, expected, 0, expected.size);
    must_download(codecs, &store, key, expected, expected.size - 1, 1);
    must_download(codecs, &store, key, expected, expected.size / 3, expected.size / 2);
    must_download(codecs, &store, key, expected, 1, 1);
}

static void every_set_body(void *argument)
{
    (void)argument;
    struct object_settings settings = settings_with_columns();
    set_up(&settings);
    for (unsigned i = 0; data_set_at(i) != NULL; i++) {
        char key[64];
        struct span bytes = body_of(data_set_at(i)->name, BODY_BYTES);
        (void)snprintf(key, sizeof key, "%s/key", data_set_at(i)->name);
        struct memory_object *object = must_upload(codecs, &store, key, bytes);
        if (data_set_at(i)->kind == DATA_COMPANION)
            ck_assert_msg(object->attributes.may_have_columns, "%s", data_set_at(i)->name);
        whole_and_ranges(key, bytes);
    }
    tear_down();
}
LOOP_TEST(every_set_comes_back, every_set_body)

static void off_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    struct memory_object *object = must_upload(codecs, &store, "key", body_of("gaps", BODY_BYTES));
    ck_assert(!object->attributes.may_have_columns);
    ck_assert_uint_gt(object->attributes.stored_size, BODY_BYTES / 2);
    tear_down();
}
LOOP_TEST(off_means_none, off_body)

static void pool_body(void *argument)
{
    (void)argument;
    struct error error;
    struct object_settings settings = settings_with_columns();
    settings.level = 9;
    settings.offload = offload_create("codec", 1, 16, &error);
    ck_assert_ptr_nonnull(settings.offload);
    set_up(&settings);
    struct span bytes = body_of("records", BODY_BYTES);
    struct memory_object *object = must_upload(codecs, &store, "key", bytes);
    ck_assert(object->attributes.may_have_columns);
    ck_assert_uint_lt(object->attributes.stored_size, BODY_BYTES / 3);
    whole_and_ranges("key", bytes);
    tear_down();
    offload_destroy(settings.offload);
}
LOOP_TEST(high_level_on_the_pool, pool_body)

/* Small objects of one prefix learn from one another; those of others do not suffer. */
static void small_body(void *argument)
{
    (void)argument;
    enum { SMALL = 16384, COUNT = 40 };
    struct object_settings settings = settings_with_columns();
    uint64_t stored = 0;
    set_up(&settings);
    for (unsigned i = 0; i < COUNT; i++) {
        char key[64];
        struct span bytes = body_of(i % 2 == 0 ? "gaps" : "json", SMALL);
        (void)snprintf(key, sizeof key, i % 2 == 0 ? "numbers/%u" : "events/%u", i);
        struct memory_object *object = must_upload(codecs, &store, key, bytes);
        ck_assert(object->attributes.may_have_columns == (i % 2 == 0));
        stored += i % 2 == 0 ? object->attributes.stored_size : 0;
        must_download(codecs, &store, key, bytes, 0, SMALL);
    }
    ck_assert_uint_lt(stored, COUNT / 2 * SMALL / 12);
    tear_down();
}
LOOP_TEST(small_objects_share_a_guide, small_body)

enum { FLOOD = 600, FLOOD_BYTES = 8192 };

/* How many of a flood of objects, each the only one of its prefix, are packed in columns. */
static unsigned flood(const char *format)
{
    struct object_settings settings = settings_with_columns();
    unsigned in_columns = 0;
    set_up(&settings);
    struct span bytes = body_of("gaps", FLOOD_BYTES);
    for (unsigned i = 0; i < FLOOD; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, format, i, 'a' + i % 26, 'a' + i / 26);
        in_columns += must_upload(codecs, &store, key, bytes)->attributes.may_have_columns ? 1 : 0;
        must_download(codecs, &store, key, bytes, 0, FLOOD_BYTES);
    }
    tear_down();
    return in_columns;
}

/* Names that end alike need no look for each prefix; numbers in them do not tell them apart. */
static void alike_body(void *argument)
{
    (void)argument;
    ck_assert_uint_eq(flood("prefix-%1$u/gaps.i32"), FLOOD);
    ck_assert_uint_eq(flood("prefix-%u/gaps"), FLOOD);
    ck_assert_uint_eq(flood("part-%1$u/x.%1$u"), FLOOD);
}
LOOP_TEST(new_prefixes_begin_with_the_plan_of_an_ending, alike_body)

/* Each of another kind, as far as names tell: a few looks only. */
static void credit_body(void *argument)
{
    (void)argument;
    unsigned in_columns = flood("prefix-%u/object.%c%c");
    ck_assert_uint_ge(in_columns, 10);
    ck_assert_uint_le(in_columns, 30);
}
LOOP_TEST(new_prefixes_share_a_credit, credit_body)

/* What does not need its look leaves it to others: text by the hundred, and numbers behind it. */
static void unused_body(void *argument)
{
    (void)argument;
    struct object_settings settings = settings_with_columns();
    set_up(&settings);
    struct span text = body_of("json", FLOOD_BYTES);
    for (unsigned i = 0; i < 100; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "prefix-%u/text", i);
        must_upload(codecs, &store, key, text);
    }
    ck_assert(must_upload(codecs, &store, "other/numbers", body_of("gaps", FLOOD_BYTES))->attributes.may_have_columns);
    tear_down();
}
LOOP_TEST(text_leaves_its_look_to_others, unused_body)

static uint64_t stored_of_all_kinds(bool columns)
{
    enum { ROUNDS = 20 };
    struct object_settings settings = ordinary_settings();
    settings.columns = columns;
    uint64_t stored = 0;
    set_up(&settings);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; data_set_at(i) != NULL; i++) {
            char key[64];
            struct span bytes = body_of(data_set_at(i)->name, 4 * FLOOD_BYTES);
            (void)snprintf(key, sizeof key, "prefix-%u-%u/object", round, i);
            stored += must_upload(codecs, &store, key, bytes)->attributes.stored_size;
            must_download(codecs, &store, key, bytes, 0, bytes.size);
        }
    }
    tear_down();
    return stored;
}

/* Names that end alike, and every object of another kind than the one before. */
static void mixed_body(void *argument)
{
    (void)argument;
    ck_assert_uint_le(stored_of_all_kinds(true), stored_of_all_kinds(false));
}
LOOP_TEST(a_plan_of_others_does_no_harm, mixed_body)

int main(void)
{
    Suite *suite = suite_create("packing");
    TCase *tests = tcase_create("packing");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_set_comes_back);
    tcase_add_test(tests, off_means_none);
    tcase_add_test(tests, high_level_on_the_pool);
    tcase_add_test(tests, small_objects_share_a_guide);
    tcase_add_test(tests, new_prefixes_begin_with_the_plan_of_an_ending);
    tcase_add_test(tests, new_prefixes_share_a_credit);
    tcase_add_test(tests, text_leaves_its_look_to_others);
    tcase_add_test(tests, a_plan_of_others_does_no_harm);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
