/* tests/unit/embedded/volumes_test.c -- what volumes take from others: descriptors, space of announced bodies, reports
 * of failed syncs, and patience on a full disk. */
#include "tests/unit/embedded/fixture.h"

#include "runtime/io/io.h"
#include "runtime/io/io_sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct span bucket = SPAN("bucket");

/* ---- descriptors ---- */

enum { BODIES = 24, BODY_BYTES = 600000, SMALL_VOLUME_BYTES = 1 << 20 };

static void put_bodies(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    uint8_t *body = malloc(BODY_BYTES);
    char key[16];
    create_bucket(store, bucket);
    for (unsigned i = 0; i < BODIES; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        fill_bytes(i, body, BODY_BYTES);
        put(store, bucket, text(key), span_of(body, BODY_BYTES));
    }
    free(body);
}

/* Reads all, and writes each anew: also in volumes that have one descriptor. */
static void use_bodies(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    uint8_t *body = malloc(BODY_BYTES);
    char key[16];
    for (unsigned i = 0; i < BODIES; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        fill_bytes(i, body, BODY_BYTES);
        expect_body(store, bucket, text(key), span_of(body, BODY_BYTES));
        put(store, bucket, text(key), span_of(body, BODY_BYTES));
        expect_body(store, bucket, text(key), span_of(body, BODY_BYTES));
    }
    free(body);
}

static uint64_t files_of(struct bucket_store *store)
{
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    return usage.files;
}

START_TEST(volumes_open_with_few_descriptors)
{
    char path[64];
    folder_make(path);
    struct embedded_options options = {
        .shards = 1, .volume_max_bytes = SMALL_VOLUME_BYTES, .catalogue_max_bytes = 1 << 30, .is_unfilled = true};
    struct bucket_store *store = open_store(path, &options);
    run_shards(store, 1, put_bodies, NULL);
    embedded_close(store);

    options.files_max = 1 << 20; /* plenty: two each where O_DIRECT is there */
    store = open_store(path, &options);
    uint64_t most = files_of(store);
    embedded_close(store);
    options.files_max = 2; /* fewer than there are volumes: told before any is opened */
    struct error error;
    ck_assert_ptr_null(embedded_open(path, &options, &error));
    ck_assert_msg(strstr(error.message, "volumes, each of which needs an open file") != NULL, "%s", error.message);

    uint64_t volumes = 0;
    for (store = NULL; store == NULL; volumes++) {
        options.files_max = volumes + 1;
        store = embedded_open(path, &options, &error);
    }
    ck_assert_uint_gt(volumes, BODIES / 2);
    ck_assert_uint_eq(files_of(store), volumes); /* one each */
    run_shards(store, 1, use_bodies, NULL);
    embedded_close(store);
    options.files_max = 2 * volumes + 8; /* a few with two */
    store = open_store(path, &options);
    ck_assert_uint_le(files_of(store), volumes + 4);
    ck_assert_uint_ge(files_of(store), most > volumes ? volumes + 1 : volumes);
    run_shards(store, 1, use_bodies, NULL);
    embedded_close(store);
    struct embedded_report report = {0};
    ck_assert(embedded_check(path, false, &report, &error));
    folder_remove(path);
}
END_TEST

/* ---- bodies that were announced ---- */

enum { ANNOUNCERS = 20, CAME_BYTES = 300000 };

static void announce_much(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct bucket_writer *writers[ANNOUNCERS];
    uint8_t *body = malloc(CAME_BYTES);
    fill_bytes(1, body, CAME_BYTES);
    create_bucket(store, bucket);
    for (unsigned i = 0; i < ANNOUNCERS; i++) {
        struct write_intent intent = {.name = name_of(bucket, text("key")), .stored_size_hint = UINT64_C(5) << 30};
        ck_assert(bucket_begin(store, &intent, &writers[i], &error));
        ck_assert(bucket_write(writers[i], span_of(body, CAME_BYTES), &error));
    }
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_le(usage.volume_bytes, UINT64_C(96) << 20); /* 2 MiB each, and room made ahead */
    for (unsigned i = 0; i < ANNOUNCERS; i++)
        bucket_abort(writers[i]);
    free(body);
}

START_TEST(an_announcement_takes_no_space)
{
    with_new_store(announce_much, NULL);
}
END_TEST

/* ---- a failed sync is told to one of those who wait for it ---- */

enum { LONG_BYTES = 700000 };

static struct bucket_writer *begin_long(struct bucket_store *store, const char *key, const uint8_t *body)
{
    struct error error;
    struct bucket_writer *writer;
    struct write_intent intent = {.name = name_of(bucket, text(key))};
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, span_of(body, LONG_BYTES), &error));
    return writer;
}

static bool commit_long(struct bucket_writer *writer, struct error *error)
{
    struct object_attributes attributes = {.original_size = LONG_BYTES, .is_size_known = true};
    struct object_attributes stored;
    return bucket_commit(writer, &(struct write_result){.attributes = &attributes}, &stored, error);
}

static void fail_one_sync(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct io_sim *sim = argument;
    struct error error;
    uint8_t *body = malloc(LONG_BYTES);
    fill_bytes(5, body, LONG_BYTES);
    create_bucket(store, bucket);
    struct bucket_writer *first = begin_long(store, "first", body);
    struct bucket_writer *second = begin_long(store, "second", body);
    io_sim_fail(sim, IO_SYNC_DATA, 0, EIO);
    ck_assert(!commit_long(first, &error));
    ck_assert(!commit_long(second, &error)); /* the report was for its blocks, perhaps */
    ck_assert_str_eq(error.code, "InternalError");
    expect_missing(store, bucket, text("first"));
    expect_missing(store, bucket, text("second"));
    ck_assert(commit_long(begin_long(store, "third", body), &error)); /* what came later is sound */
    free(body);
}

START_TEST(a_failed_sync_concerns_all_who_wrote)
{
    char path[64];
    folder_make(path);
    struct io_sim *sim = io_sim_create(&(struct io_sim_options){.seed = 1, .real_wait_ms = 20});
    /* one descriptor: through the page cache, whatever the file system */
    struct embedded_options options = {.shards = 1, .files_max = 1, .is_unfilled = true};
    struct bucket_store *store = open_store(path, &options);
    run_simulated(store, sim, fail_one_sync, sim);
    embedded_close(store);
    io_sim_destroy(sim);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded volumes");
    TCase *tests = tcase_create("volumes");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, volumes_open_with_few_descriptors);
    tcase_add_test(tests, an_announcement_takes_no_space);
    tcase_add_test(tests, a_failed_sync_concerns_all_who_wrote);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
