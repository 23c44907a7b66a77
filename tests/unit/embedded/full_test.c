/* tests/unit/embedded/full_test.c -- a full disk and a full catalogue: 507, nothing stored is hurt, deletes work, and
 * what they freed can be written again. */
#include "tests/unit/embedded/uploads.h"

#include "runtime/io/io.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

enum { OBJECTS_MAX = 60000, FIBERS = 32 };
static const struct span bucket = SPAN("bucket");

struct fill {
    struct bucket_store *store;
    const size_t *sizes;
    unsigned sizes_count;
    unsigned next;
    unsigned stored;
    unsigned refused;
    bool is_there[OBJECTS_MAX];
};

static void name_key(unsigned index, char ret_key[32])
{
    (void)snprintf(ret_key, 32, "%08x-%u", index * 2654435761U, index);
}

static size_t body_of(const struct fill *fill, unsigned index, uint8_t *ret_bytes)
{
    size_t size = fill->sizes[index % fill->sizes_count];
    fill_bytes(index, ret_bytes, size);
    return size;
}

static void put_until_refused(unsigned fiber, void *argument)
{
    (void)fiber;
    struct fill *fill = argument;
    uint8_t *body = malloc(1 << 20);
    char key[32];
    while (fill->next < OBJECTS_MAX && fill->refused < 200) {
        unsigned index = fill->next++;
        size_t size = body_of(fill, index, body);
        struct error error;
        name_key(index, key);
        if (try_put(fill->store, bucket, text(key), span_of(body, size), NULL, &error)) {
            fill->is_there[index] = true;
            fill->stored++;
        } else {
            ck_assert_str_eq(error.code, "InsufficientStorage");
            fill->refused++;
        }
    }
    free(body);
}

static void expect_all(struct fill *fill)
{
    uint8_t *body = malloc(1 << 20);
    char key[32];
    for (unsigned i = 0; i < fill->next; i++) {
        name_key(i, key);
        if (fill->is_there[i])
            expect_body(fill->store, bucket, text(key), span_of(body, body_of(fill, i, body)));
        else
            expect_missing(fill->store, bucket, text(key));
    }
    free(body);
}

/* LMDB joins pages that are less than a quarter full: what is deleted here and there comes back late. */
static void delete_most(struct fill *fill)
{
    char key[32];
    unsigned count = 0;
    for (unsigned i = 0; i < fill->next; i++) {
        struct error error;
        if (!fill->is_there[i] || count++ % 8 == 0)
            continue;
        name_key(i, key);
        bool done = try_delete(fill->store, bucket, text(key), &error);
        ck_assert_msg(done, "delete %u of a full store: %s", count, done ? "" : error.message);
        fill->is_there[i] = false;
    }
}

static void fill_and_empty(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct fill *fill = argument;
    fill->store = store;
    create_bucket(store, bucket);
    run_fibers(FIBERS, put_until_refused, fill);
    ck_assert_uint_ge(fill->refused, 200); /* it is full */
    ck_assert_uint_gt(fill->stored, 10);
    expect_all(fill);
    delete_most(fill);
    expect_all(fill);
    unsigned stored = fill->stored;
    fill->refused = 0;
    run_fibers(FIBERS, put_until_refused, fill);
    ck_assert_uint_gt(fill->stored, stored + stored / 8); /* what was freed is used again */
    expect_all(fill);
}

static void expect_after_reopening(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct fill *fill = argument;
    fill->store = store;
    expect_all(fill);
}

static void run_full(const char *path, const struct embedded_options *options, struct fill *fill)
{
    struct bucket_store *store = open_store(path, options);
    run_shards(store, 1, fill_and_empty, fill);
    embedded_close(store);
    expect_sound_store(path);
    store = open_store(path, options);
    run_shards(store, 1, expect_after_reopening, fill);
    embedded_close(store);
}

START_TEST(a_full_catalogue_refuses_and_recovers)
{
    static const size_t sizes[] = {1000, 300, 1900};
    char path[64];
    folder_make(path);
    struct fill *fill = calloc(1, sizeof *fill);
    fill->sizes = sizes;
    fill->sizes_count = 3;
    run_full(path, &(struct embedded_options){.shards = 1, .catalogue_max_bytes = amount(8 << 20, 2 << 20)}, fill);
    free(fill);
    folder_remove(path);
}
END_TEST

/* A small disk of our own, in a mount namespace of our own. False: we may not (no root, no namespaces). */
static bool mount_small_disk(const char *path, const char *options)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) == 0 &&
           mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

static void run_small_disk(const size_t *sizes, unsigned count)
{
    char path[64];
    char options[16];
    (void)snprintf(options, sizeof options, "size=%um", amount(64, 32));
    folder_make(path);
    if (mount_small_disk(path, options)) {
        struct fill *fill = calloc(1, sizeof *fill);
        fill->sizes = sizes;
        fill->sizes_count = count;
        run_full(path, NULL, fill);
        free(fill);
        ck_assert_int_eq(umount(path), 0);
    } else {
        (void)fprintf(stderr, "skipped: a tmpfs cannot be mounted here\n");
    }
    folder_remove(path);
}

START_TEST(a_full_disk_of_bodies_refuses_and_recovers)
{
    static const size_t sizes[] = {100000, 5000, 300000};
    run_small_disk(sizes, 3);
}
END_TEST

START_TEST(a_full_disk_of_rows_refuses_and_recovers)
{
    static const size_t sizes[] = {1500, 700};
    run_small_disk(sizes, 2);
}
END_TEST

/* A request that deletes a thousand objects, here and there, changes more pages than are kept for deletes. */
enum { SPREAD = 8 };

static void delete_many_at_once(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct fill *fill = argument;
    struct error error;
    fill->store = store;
    create_bucket(store, bucket);
    run_fibers(FIBERS, put_until_refused, fill);
    static struct delete_item items[DELETE_ITEMS_MAX];
    static char keys[DELETE_ITEMS_MAX][32];
    unsigned deleted = 0;
    for (unsigned i = 0; i < DELETE_ITEMS_MAX; i++) {
        name_key(i * SPREAD, keys[i]);
        items[i] = (struct delete_item){.key = text(keys[i])};
    }
    ck_assert(bucket_delete_objects(store, bucket, items, DELETE_ITEMS_MAX, &error));
    for (unsigned i = 0; i < DELETE_ITEMS_MAX; i++) {
        deleted += items[i].is_deleted;
        fill->is_there[i * SPREAD] = fill->is_there[i * SPREAD] && !items[i].is_deleted;
    }
    ck_assert_uint_eq(deleted, DELETE_ITEMS_MAX);
    expect_all(fill);
}

/* ---- much to remove at once, with nowhere to go ---- */

enum { UPLOADS = 1500, LONG_METADATA = 1600, PARTS = 10000, PARTS_AT_ONCE = 64 };
static const struct span crowded = SPAN("crowded");

static void begin_uploads(unsigned fiber, void *argument)
{
    struct fill *fill = argument;
    uint8_t *metadata = malloc(LONG_METADATA);
    char key[32];
    for (unsigned i = fiber; i < UPLOADS; i += FIBERS) {
        char id[UPLOAD_ID_BYTES];
        struct error error;
        fill_bytes(i, metadata, LONG_METADATA);
        name_key(i, key);
        struct upload_intent intent = {.name = name_of(crowded, text(key)),
                                       .initiator = text("alice"),
                                       .metadata = span_of(metadata, LONG_METADATA)};
        ck_assert(bucket_create_upload(fill->store, &intent, id, &error));
    }
    free(metadata);
}

static void remove_crowded_bucket(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct fill *fill = argument;
    struct error error;
    fill->store = store;
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("owner")}, &error) &&
              bucket_create(store, &(struct bucket_intent){.name = crowded, .owner = text("owner")}, &error));
    run_fibers(FIBERS, begin_uploads, fill);
    run_fibers(FIBERS, put_until_refused, fill);
    bool done = bucket_delete(store, crowded, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    struct bucket_info info;
    ck_assert(!bucket_find(store, crowded, &info, &error));
    expect_all(fill);
}

struct parts {
    struct fill *fill;
    char id[UPLOAD_ID_BYTES];
};

static void put_parts(unsigned fiber, void *argument)
{
    struct parts *parts = argument;
    for (unsigned number = 1 + fiber; number <= PARTS; number += PARTS_AT_ONCE)
        put_part(parts->fill->store, bucket, text("upload"), parts->id, &(struct test_part){number, number, 1});
}

static void abort_long_upload(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct parts parts = {.fill = argument};
    struct error error;
    parts.fill->store = store;
    create_bucket(store, bucket);
    begin_upload(store, bucket, text("upload"), parts.id);
    run_fibers(PARTS_AT_ONCE, put_parts, &parts);
    run_fibers(FIBERS, put_until_refused, parts.fill);
    struct object_name name = name_of(bucket, text("upload"));
    bool done = bucket_abort_upload(store, &name, text(parts.id), &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert(!bucket_abort_upload(store, &name, text(parts.id), &error));
    ck_assert_str_eq(error.code, "NoSuchUpload");
    expect_all(parts.fill);
}

static void run_full_catalogue(uint64_t bytes, shard_body *body)
{
    static const size_t sizes[] = {1900, 1700};
    char path[64];
    folder_make(path);
    struct fill *fill = calloc(1, sizeof *fill);
    fill->sizes = sizes;
    fill->sizes_count = 2;
    struct embedded_options options = {.shards = 1, .catalogue_max_bytes = bytes};
    struct bucket_store *store = open_store(path, &options);
    run_shards(store, 1, body, fill);
    embedded_close(store);
    expect_sound_store(path);
    free(fill);
    folder_remove(path);
}

START_TEST(a_full_catalogue_deletes_many_at_once)
{
    run_full_catalogue(24 << 20, delete_many_at_once);
}
END_TEST

START_TEST(a_full_catalogue_removes_a_bucket_with_many_uploads)
{
    run_full_catalogue(8 << 20, remove_crowded_bucket);
}
END_TEST

START_TEST(a_full_catalogue_aborts_an_upload_of_many_parts)
{
    run_full_catalogue(8 << 20, abort_long_upload);
}
END_TEST

/* A kill came between the row of a volume and its file, and now the disk is full: the store opens, and what is deleted
 * makes room. */
static void put_large(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct error error;
    create_bucket(store, bucket);
    uint8_t *body = argument;
    put(store, bucket, text("small"), span_of(body, 1000));
    put(store, bucket, text("large"), span_of(body, 100000));
    ck_assert(try_delete(store, bucket, text("large"), &error));
}

static void use_full_disk(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct error error;
    uint8_t *body = argument;
    expect_body(store, bucket, text("small"), span_of(body, 1000));
    ck_assert(!try_put(store, bucket, text("large"), span_of(body, 100000), NULL, &error));
    ck_assert_str_eq(error.code, "InsufficientStorage");
    ck_assert(try_delete(store, bucket, text("small"), &error));
}

static void use_disk_again(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    uint8_t *body = argument;
    put(store, bucket, text("large"), span_of(body, 100000));
    expect_body(store, bucket, text("large"), span_of(body, 100000));
}

static void fill_file(const char *path)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    static const char zeros[65536];
    while (fwrite(zeros, sizeof zeros, 1, file) == 1)
        ;
    (void)fclose(file);
}

static void lose_volumes_on_full_disk(const char *path)
{
    uint8_t *body = malloc(100000);
    char name[128];
    fill_bytes(3, body, 100000);
    with_store(path, put_large, body);
    for (unsigned number = 1; number < 10; number++) {
        (void)snprintf(name, sizeof name, "%s/volumes/%08u", path, number);
        (void)unlink(name);
    }
    (void)snprintf(name, sizeof name, "%s/ballast", path);
    fill_file(name);
    with_store(path, use_full_disk, body);
    ck_assert_int_eq(unlink(name), 0);
    with_store(path, use_disk_again, body);
    struct embedded_report report = {0};
    struct error error;
    ck_assert(embedded_check(path, false, &report, &error));
    free(body);
}

START_TEST(a_full_disk_is_no_reason_not_to_open)
{
    char path[64];
    folder_make(path);
    if (mount_small_disk(path, "size=64m")) {
        lose_volumes_on_full_disk(path);
        ck_assert_int_eq(umount(path), 0);
    } else {
        (void)fprintf(stderr, "skipped: a tmpfs cannot be mounted here\n");
    }
    folder_remove(path);
}
END_TEST

/* ---- two shards on one full disk ---- */

/* One shard fills the disk; the other, which has no volume, deletes and writes: with blocks that it borrows. */
static void fill_as_first(struct bucket_store *store, unsigned shard, void *argument)
{
    struct fill *fill = argument;
    if (shard != 0)
        return;
    fill->store = store;
    create_bucket(store, bucket);
    run_fibers(FIBERS, put_until_refused, fill);
    ck_assert_uint_gt(fill->stored, 1000);
}

/* The owner of all volumes only has to be there. */
struct pair {
    struct fill *fill;
    _Atomic unsigned left;
    _Atomic bool is_over;
};

/* What was reserved for it, in blocks of the other shard, has to go back. */
static void refuse_often(struct fill *fill)
{
    static const struct write_condition never = {.if_none_match = SPAN("*")};
    uint8_t *body = malloc(1 << 20);
    fill_bytes(1, body, 1 << 20);
    for (unsigned i = 0; i < 300; i++) {
        struct error error;
        ck_assert(!try_put(fill->store, bucket, text("once"), span_of(body, 1 << 19), &never, &error));
        ck_assert_str_eq(error.code, "PreconditionFailed");
    }
    free(body);
}

static void use_blocks_of_first(struct bucket_store *store, unsigned shard, void *argument)
{
    struct pair *pair = argument;
    struct fill *fill = pair->fill;
    while (shard == 0 && !pair->is_over)
        (void)io_sleep_until(deadline_after_ms(5));
    if (shard == 0)
        return;
    enum { ONCE_BYTES = 20000 };
    uint8_t *once = malloc(ONCE_BYTES);
    fill_bytes(7, once, ONCE_BYTES);
    fill->store = store;
    delete_most(fill);
    put(store, bucket, text("once"), span_of(once, ONCE_BYTES));
    refuse_often(fill);
    unsigned stored = fill->stored;
    fill->refused = 0;
    run_fibers(FIBERS, put_until_refused, fill);
    ck_assert_uint_gt(fill->stored - stored, stored / 8 * 7 - stored / 8); /* nearly all that was deleted */
    expect_all(fill);
    expect_body(store, bucket, text("once"), span_of(once, ONCE_BYTES));
    delete_most(fill); /* for those who come */
    free(once);
    pair->is_over = true;
}

/* Both at once: each deletes its own and writes again, wherever there is room. */
enum { OWN_KEYS = 400 };

static void churn(struct bucket_store *store, unsigned shard, void *argument)
{
    struct pair *pair = argument;
    uint8_t *body = malloc(1 << 20);
    uint8_t seeds[OWN_KEYS] = {0};
    struct random_seeded state;
    struct random_source random = random_seeded(&state, shard);
    char key[32];
    unsigned stored = 0;
    const unsigned rounds = amount(4000, 1000);
    for (unsigned i = 0; i < rounds; i++) {
        unsigned index = (unsigned)random_below(&random, OWN_KEYS);
        struct error error;
        (void)snprintf(key, sizeof key, "s%u-%u", shard, index);
        if (seeds[index] != 0 && random_below(&random, 3) == 0) {
            ck_assert(try_delete(store, bucket, text(key), &error));
            seeds[index] = 0;
            continue;
        }
        uint8_t seed = (uint8_t)(1 + random_below(&random, 255));
        size_t size = 3000 + seed * 1900;
        fill_bytes(seed, body, size);
        if (try_put(store, bucket, text(key), span_of(body, size), NULL, &error)) {
            seeds[index] = seed;
            stored++;
        } else {
            ck_assert_str_eq(error.code, "InsufficientStorage");
        }
    }
    ck_assert_uint_gt(stored, rounds / 20);
    pair->left--;
    while (pair->left > 0) /* what one borrowed it may still give back to the other */
        (void)io_sleep_until(deadline_after_ms(5));
    for (unsigned index = 0; index < OWN_KEYS; index++) {
        (void)snprintf(key, sizeof key, "s%u-%u", shard, index);
        size_t size = 3000 + seeds[index] * 1900;
        fill_bytes(seeds[index], body, size);
        if (seeds[index] != 0)
            expect_body(store, bucket, text(key), span_of(body, size));
        else
            expect_missing(store, bucket, text(key));
    }
    free(body);
}

static void share_full_disk(const char *path)
{
    static const size_t sizes[] = {20000};
    struct embedded_options options = {.shards = 2};
    struct fill *fill = calloc(1, sizeof *fill);
    fill->sizes = sizes;
    fill->sizes_count = 1;
    struct bucket_store *store = open_store(path, &options);
    run_shards(store, 2, fill_as_first, fill);
    embedded_close(store);
    store = open_store(path, &options);
    struct pair pair = {.fill = fill, .left = 2};
    run_shards(store, 2, use_blocks_of_first, &pair);
    run_shards(store, 2, churn, &pair);
    embedded_close(store);
    expect_sound_store(path);
    store = open_store(path, NULL); /* another number of shards owns the volumes now */
    run_shards(store, 1, expect_after_reopening, fill);
    embedded_close(store);
    free(fill);
}

START_TEST(a_shard_uses_what_is_free_in_volumes_of_others)
{
    char path[64];
    folder_make(path);
    if (mount_small_disk(path, "size=64m")) {
        share_full_disk(path);
        ck_assert_int_eq(umount(path), 0);
    } else {
        (void)fprintf(stderr, "skipped: a tmpfs cannot be mounted here\n");
    }
    folder_remove(path);
}
END_TEST

/* ---- blocks on their way back ---- */

enum { HELD_BYTES = 300000, HELD_MS = 60 };

struct held {
    struct bucket_store *store;
    struct bucket_object *object;
};

static void write_or_let_go(unsigned fiber, void *argument)
{
    struct held *held = argument;
    if (fiber == 0) {
        (void)io_sleep_until(deadline_after_ms(HELD_MS));
        bucket_close(held->object);
        return;
    }
    uint8_t *body = malloc(HELD_BYTES);
    fill_bytes(1, body, HELD_BYTES);
    put(held->store, bucket, text("next"), span_of(body, HELD_BYTES));
    free(body);
}

/* The only free blocks are those of a body that was deleted and is still being read. */
static void write_what_was_read(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct fill *fill = argument;
    struct held held = {.store = store};
    struct error error;
    char key[32];
    fill->store = store;
    create_bucket(store, bucket);
    run_fibers(FIBERS, put_until_refused, fill);
    unsigned index = 0;
    while (!fill->is_there[index])
        index++;
    name_key(index, key);
    struct object_name name = name_of(bucket, text(key));
    ck_assert(bucket_open(store, &name, NULL, &held.object, &error));
    ck_assert(try_delete(store, bucket, text(key), &error));
    run_fibers(2, write_or_let_go, &held);
}

START_TEST(a_full_disk_waits_for_what_is_coming_back)
{
    static const size_t sizes[] = {HELD_BYTES};
    char path[64];
    folder_make(path);
    if (mount_small_disk(path, "size=64m")) {
        struct fill *fill = calloc(1, sizeof *fill);
        fill->sizes = sizes;
        fill->sizes_count = 1;
        with_store(path, write_what_was_read, fill);
        free(fill);
        ck_assert_int_eq(umount(path), 0);
    } else {
        (void)fprintf(stderr, "skipped: a tmpfs cannot be mounted here\n");
    }
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded full");
    TCase *tests = tcase_create("full");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, a_full_catalogue_refuses_and_recovers);
    tcase_add_test(tests, a_full_disk_of_bodies_refuses_and_recovers);
    tcase_add_test(tests, a_full_disk_is_no_reason_not_to_open);
    tcase_add_test(tests, a_full_disk_waits_for_what_is_coming_back);
    tcase_add_test(tests, a_full_disk_of_rows_refuses_and_recovers);
    tcase_add_test(tests, a_shard_uses_what_is_free_in_volumes_of_others);
    if (has_time_for_amounts) {
        tcase_add_test(tests, a_full_catalogue_deletes_many_at_once);
        tcase_add_test(tests, a_full_catalogue_removes_a_bucket_with_many_uploads);
        tcase_add_test(tests, a_full_catalogue_aborts_an_upload_of_many_parts);
    }
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
