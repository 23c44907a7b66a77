/* tests/unit/embedded/uploads_test.c -- uploads: parts in any order become one object, whole or not at all, and leave
 * no block behind. */
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/embedded/uploads.h"

#include "codec/crc.h"
#include "s3client/embedded/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct span bucket = SPAN("bucket");
static const struct span key = SPAN("key");

static void make_bucket(struct bucket_store *store)
{
    struct error error;
    bool done = bucket_create(store, bucket, text("alice"), &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

/* Space that was freed comes back to its owner a little later. */
static void expect_blocks(struct bucket_store *store, uint64_t blocks)
{
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_eq(usage.body_bytes, blocks * 4096);
}

static unsigned count_uploads(struct bucket_store *store, struct span prefix)
{
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct upload_list_page page;
    struct error error;
    struct upload_list_request request = {.bucket = bucket, .prefix = prefix, .entries_max = 1000};
    bool done = bucket_list_uploads(store, &request, &arena, &page, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert(!page.is_truncated);
    arena_free(&arena);
    return page.count;
}

/* ---- one object ---- */

static void any_order(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const struct test_part parts[] = {{3, 31, 5},       {1, 11, 300000}, {9, 91, 70001},
                                             {2, 21, 1048576}, {5, 51, 0},      {7, 71, 4096}};
    static const struct test_part in_order[] = {{1, 11, 300000}, {2, 21, 1048576}, {3, 31, 5},
                                                {5, 51, 0},      {7, 71, 4096},    {9, 91, 70001}};
    make_bucket(store);
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, key, id);
    put_part(store, bucket, key, id, &(struct test_part){2, 99, 50000}); /* is sent again below */
    for (unsigned i = 0; i < 6; i++)
        put_part(store, bucket, key, id, &parts[i]);
    put_part(store, bucket, key, id, &(struct test_part){4, 41, 9000}); /* is not chosen */
    expect_missing(store, bucket, key);
    ck_assert_uint_eq(count_uploads(store, SPAN_EMPTY), 1);
    expect_blocks(store, 1 + 74 + 18 + 256 + 1 + 3);
    complete(store, bucket, key, id, in_order, 6);
    expect_parts(store, bucket, key, in_order, 6);
    expect_blocks(store, 1 + 74 + 18 + 256 + 1);
    ck_assert_uint_eq(count_uploads(store, SPAN_EMPTY), 0);

    struct error error;
    ck_assert(!try_put_part(store, bucket, key, id, &parts[0], &error));
    ck_assert_str_eq(error.code, "NoSuchUpload");
    struct object_name name = name_of(bucket, key);
    ck_assert(!bucket_abort_upload(store, &name, text(id), &error));
    ck_assert_str_eq(error.code, "NoSuchUpload");
    struct object_attributes attributes;
    ck_assert(bucket_find_completed(store, &name, text(id), &attributes, &error));
    ck_assert_str_eq(attributes.etag, "00000000000000000000000000000000-6");
    struct object_name other = name_of(bucket, text("other"));
    ck_assert(!bucket_find_completed(store, &other, text(id), &attributes, &error));
    ck_assert_str_eq(error.code, "NoSuchUpload");

    ck_assert(try_delete(store, bucket, key, &error));
    expect_blocks(store, 0);
}

START_TEST(parts_in_any_order_become_one_object)
{
    with_new_store(any_order, NULL);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("embedded uploads");
    TCase *tests = tcase_create("uploads");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, parts_in_any_order_become_one_object);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
