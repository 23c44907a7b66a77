/* tests/unit/embedded/uploads_list_test.c -- uploads of a bucket: they are listed by key and begin, and go with it. */
#include "tests/unit/embedded/uploads_fixture.h"

#include <stdio.h>

/* ---- lists ---- */

static void expect_page(struct bucket_store *store, struct upload_list_request request, const char *expected)
{
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct upload_list_page page;
    struct error error;
    request.bucket = bucket;
    ck_assert(bucket_list_uploads(store, &request, &arena, &page, &error));
    struct buffer seen;
    buffer_init(&seen, 0);
    for (unsigned i = 0; i < page.count; i++) {
        struct span name = span_take(page.entries[i].upload.key, 8);
        buffer_append_format(&seen, "%.*s%s ", SPAN_FORMAT(name), page.entries[i].is_prefix ? "*" : "");
        if (!page.entries[i].is_prefix)
            ck_assert(span_equal(page.entries[i].upload.initiator, text("alice")));
    }
    buffer_append_string(&seen, page.is_truncated ? "more" : "end");
    buffer_append_byte(&seen, 0);
    ck_assert_str_eq((const char *)seen.data, expected);
    buffer_free(&seen);
    arena_free(&arena);
}

/* Statements 259, 276. */
static void lists(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    char ids[3][UPLOAD_ID_BYTES];
    char id[UPLOAD_ID_BYTES];
    char long_key[1025];
    memset(long_key, 'l', 1024);
    long_key[1024] = '\0';
    begin_upload(store, bucket, text("z"), id);
    begin_upload(store, bucket, text(long_key), id);
    begin_upload(store, bucket, text("a/1"), id);
    begin_upload(store, bucket, text("a/2"), id);
    for (unsigned i = 0; i < 3; i++)
        begin_upload(store, bucket, text("b"), ids[i]);
    begin_upload(store, bucket, text("a"), id);
    ck_assert(strcmp(ids[0], ids[1]) < 0 && strcmp(ids[1], ids[2]) < 0);
    expect_page(store, (struct upload_list_request){.entries_max = 1000}, "a a/1 a/2 b b b llllllll z end");
    expect_page(store, (struct upload_list_request){.entries_max = 8}, "a a/1 a/2 b b b llllllll z end");
    expect_page(store, (struct upload_list_request){.entries_max = 5}, "a a/1 a/2 b b more");
    expect_page(store, (struct upload_list_request){.entries_max = 0}, "end");
    expect_page(store, (struct upload_list_request){.entries_max = 9, .after_key = text("b")}, "llllllll z end");
    expect_page(store,
                (struct upload_list_request){.entries_max = 9, .after_key = text("b"), .after_upload = text(ids[0])},
                "b b llllllll z end");
    expect_page(store,
                (struct upload_list_request){.entries_max = 9, .after_key = text("b"), .after_upload = text(ids[2])},
                "llllllll z end");
    expect_page(store, (struct upload_list_request){.entries_max = 9, .after_key = text("aa")}, "b b b llllllll z end");
    expect_page(store, (struct upload_list_request){.entries_max = 9, .delimiter = text("/")},
                "a a/* b b b llllllll z end");
    expect_page(store, (struct upload_list_request){.entries_max = 9, .delimiter = text("/"), .after_key = text("a/")},
                "b b b llllllll z end");
    expect_page(store, (struct upload_list_request){.entries_max = 9, .prefix = text("a/")}, "a/1 a/2 end");

    struct error error;
    struct object_name name = name_of(bucket, text("b"));
    struct object_name other = name_of(bucket, text("a"));
    ck_assert(!bucket_abort_upload(store, &other, text(ids[1]), &error)); /* the wrong key */
    ck_assert_str_eq(error.code, "NoSuchUpload");
    ck_assert(bucket_abort_upload(store, &name, text(ids[1]), &error));
    expect_page(store,
                (struct upload_list_request){.entries_max = 9, .after_key = text("b"), .after_upload = text(ids[1])},
                "b llllllll z end");
}

START_TEST(lists_go_by_key_and_then_by_begin)
{
    with_new_store(lists, NULL);
}
END_TEST

/* ---- buckets ---- */

/* Statement 118. */
static void bucket_goes(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    make_bucket(store);
    char ids[20][UPLOAD_ID_BYTES];
    char name[700];
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "%0*u", i % 2 == 0 ? 600 : 3, i / 4);
        begin_upload(store, bucket, text(name), ids[i]);
        for (unsigned j = 1; j <= 3; j++)
            put_part(store, bucket, text(name), ids[i], &(struct test_part){j, j, 5000});
    }
    expect_blocks(store, 20 * 3 * 2);
    put(store, bucket, key, SPAN("small"));
    ck_assert(!bucket_delete(store, bucket, &error));
    ck_assert_str_eq(error.code, "BucketNotEmpty");
    ck_assert(try_delete(store, bucket, key, &error));
    ck_assert(bucket_delete(store, bucket, &error));
    expect_blocks(store, 0);
    make_bucket(store);
    ck_assert_uint_eq(count_uploads(store, SPAN_EMPTY), 0);
}

START_TEST(a_bucket_takes_its_uploads_along)
{
    with_new_store(bucket_goes, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded uploads list");
    TCase *tests = tcase_create("uploads");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, lists_go_by_key_and_then_by_begin);
    tcase_add_test(tests, a_bucket_takes_its_uploads_along);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
