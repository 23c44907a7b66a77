/* tests/unit/embedded/tags_test.c -- tags change nothing else of an object, however it is stored. */
#include "tests/unit/embedded/uploads_fixture.h"

#include <stdlib.h>

static const struct test_part part = {2, 2, 3000};

static void expect_tags(struct bucket_store *store, struct span tags, unsigned count)
{
    struct object_name name = name_of(bucket, key);
    struct object_attributes attributes;
    struct arena arena;
    struct buffer found;
    struct error error;
    arena_init(&arena, 1 << 16);
    buffer_init(&found, 0);
    ck_assert(bucket_read_tags(store, &name, &found, NULL, &error));
    ck_assert(span_equal(buffer_span(&found), tags));
    ck_assert(bucket_head(store, &name, &arena, &attributes, &error));
    ck_assert_uint_eq(attributes.tags_count, count);
    buffer_free(&found);
    arena_free(&arena);
}

/* Statements 302, 305. */
static void tags(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    struct object_name name = name_of(bucket, key);
    struct error error;
    ck_assert(!bucket_write_tags(store, &name, text("a=b"), 1, NULL, &error));
    ck_assert_str_eq(error.code, "NoSuchKey");
    uint8_t *bytes = malloc(70000);
    fill_bytes(5, bytes, 70000);
    for (size_t size = 0; size <= 70000; size += 35000) { /* empty, and in extents */
        struct object_attributes before;
        struct object_attributes after;
        struct arena arena;
        arena_init(&arena, 1 << 16);
        put(store, bucket, key, span_of(bytes, size));
        expect_tags(store, SPAN_EMPTY, 0);
        ck_assert(bucket_head(store, &name, &arena, &before, &error));
        ck_assert(bucket_write_tags(store, &name, text("a=b&c=d"), 2, NULL, &error));
        expect_tags(store, text("a=b&c=d"), 2);
        ck_assert(bucket_head(store, &name, &arena, &after, &error));
        ck_assert_str_eq(before.etag, after.etag);
        ck_assert_str_eq(before.stored_etag, after.stored_etag);
        ck_assert_int_eq(before.modified_ms, after.modified_ms);
        expect_body(store, bucket, key, span_of(bytes, size));
        ck_assert(bucket_write_tags(store, &name, SPAN_EMPTY, 0, NULL, &error));
        expect_tags(store, SPAN_EMPTY, 0);
        arena_free(&arena);
    }
    free(bytes);
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, key, id);
    put_part(store, bucket, key, id, &part);
    complete(store, bucket, key, id, &part, 1);
    expect_tags(store, text("a=b"), 1);
    ck_assert(bucket_write_tags(store, &name, text("e=f"), 1, NULL, &error));
    expect_tags(store, text("e=f"), 1);
    expect_parts(store, bucket, key, &part, 1);
}

START_TEST(tags_change_nothing_else)
{
    with_new_store(tags, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded tags");
    TCase *tests = tcase_create("tags");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, tags_change_nothing_else);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
