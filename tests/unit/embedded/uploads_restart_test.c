/* tests/unit/embedded/uploads_restart_test.c -- uploads over restarts, and under `bale check` when they are damaged. */
#include "tests/unit/embedded/uploads_fixture.h"

#include <stdio.h>

static const struct test_part kept_parts[] = {{1, 1, 500000}, {2, 2, 3000}, {3, 3, 600001}, {4, 4, 0}};

static void begin_one(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    make_bucket(store);
    begin_upload(store, bucket, key, argument);
    for (unsigned i = 0; i < 3; i++)
        put_part(store, bucket, key, argument, &kept_parts[i]);
}

static void continue_one(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const char *id = argument;
    struct object_name name = name_of(bucket, key);
    struct arena arena;
    struct upload_info upload;
    struct error error;
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_find_upload(store, &name, text(id), &arena, &upload, &error));
    ck_assert(span_equal(upload.initiator, text("alice")) && span_equal(upload.key, key));
    arena_free(&arena);
    put_part(store, bucket, key, id, &kept_parts[3]);
    complete(store, bucket, key, id, kept_parts, 4);
    expect_blocks(store, 123 + 1 + 147 + MANIFEST_BLOCKS);
}

static void find_it(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    expect_parts(store, bucket, key, kept_parts, 4);
    struct object_name name = name_of(bucket, key);
    struct object_attributes attributes;
    struct error error;
    ck_assert(bucket_find_completed(store, &name, text(argument), &attributes, &error));
    ck_assert_uint_eq(attributes.parts_count, 4);
}

static void check_folder(const char *path, bool repair, uint64_t findings)
{
    struct embedded_report report = {0};
    struct error error;
    bool is_sound = embedded_check(path, repair, &report, &error);
    ck_assert_msg(report.damaged == findings, "%llu findings: %s", (unsigned long long)report.damaged,
                  is_sound ? "" : error.message);
}

/* Statement 278. */
START_TEST(an_upload_outlives_the_process)
{
    char path[64];
    char id[UPLOAD_ID_BYTES];
    folder_make(path);
    with_store(path, begin_one, id);
    check_folder(path, false, 0);
    with_store(path, continue_one, id);
    check_folder(path, false, 0);
    with_store(path, find_it, id);
    folder_remove(path);
}
END_TEST

/* Turns a byte of every place in the first volume where these bytes lie. */
static void damage_bytes(const char *path, struct span bytes)
{
    static uint8_t block[4096];
    char name[128];
    (void)snprintf(name, sizeof name, "%s/volumes/00000001", path);
    FILE *file = fopen(name, "r+");
    ck_assert_ptr_nonnull(file);
    unsigned found = 0;
    for (long at = 0; fread(block, 1, sizeof block, file) == sizeof block; at += 4096) {
        if (memcmp(block, bytes.data, bytes.size) != 0)
            continue;
        ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
        ck_assert_int_eq(fputc(block[0] ^ 1, file), block[0] ^ 1);
        ck_assert_int_eq(fseek(file, at + 4096, SEEK_SET), 0);
        found++;
    }
    ck_assert_uint_eq(found, 1);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect_two_parts(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct error error;
    expect_blocks(store, 123 + 147);
    ck_assert(!try_complete(store, bucket, key, argument, kept_parts, 3, NULL, &error));
    ck_assert_str_eq(error.code, "InvalidPart");
    put_part(store, bucket, key, argument, &kept_parts[1]);
    put_part(store, bucket, key, argument, &kept_parts[3]);
    complete(store, bucket, key, argument, kept_parts, 4);
}

static void expect_gone(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    expect_missing(store, bucket, key);
    expect_blocks(store, 0);
}

START_TEST(check_finds_damaged_parts_and_pieces)
{
    char path[64];
    char id[UPLOAD_ID_BYTES];
    static uint8_t bytes[3000];
    folder_make(path);
    with_store(path, begin_one, id);
    fill_bytes(2, bytes, sizeof bytes);
    damage_bytes(path, span_of(bytes, sizeof bytes));
    check_folder(path, false, 1);
    check_folder(path, true, 2); /* the second pass finds its blocks taken by nobody */
    check_folder(path, false, 0);
    with_store(path, expect_two_parts, id);
    check_folder(path, false, 0);
    fill_bytes(3, bytes, sizeof bytes);
    damage_bytes(path, span_of(bytes, sizeof bytes));
    check_folder(path, false, 2); /* and the sidecar of nobody */
    struct embedded_report report = {0};
    struct error error;
    ck_assert(embedded_check(path, true, &report, &error));
    with_store(path, expect_gone, NULL);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded uploads restart");
    TCase *tests = tcase_create("uploads");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, an_upload_outlives_the_process);
    tcase_add_test(tests, check_finds_damaged_parts_and_pieces);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
