/* tests/unit/embedded/space_test.c -- blocks that are freed are used again, but never under a reader, and go back to
 * the disk when much is dead. */
#include "tests/unit/embedded/fixture.h"

#include "runtime/io/io.h"
#include "store/embedded/volumes/bitmap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct span bucket = SPAN("bucket");

/* ---- bitmaps against an array ---- */

START_TEST(bitmaps_behave_like_an_array)
{
    enum { BITS = 1000 };
    uint64_t bitmap[BITMAP_WORDS(BITS)] = {0};
    bool model[BITS] = {0};
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 3);
    for (unsigned round = 0; round < 20000; round++) {
        uint32_t first = (uint32_t)random_below(&random, BITS);
        uint32_t count = (uint32_t)random_below(&random, random_below(&random, 4) == 0 ? BITS - first + 1 : 8);
        count = count < BITS - first ? count : BITS - first;
        bool value = random_below(&random, 2) == 0;
        bitmap_fill(bitmap, first, count, value);
        for (uint32_t i = first; i < first + count; i++)
            model[i] = value;

        uint32_t from = (uint32_t)random_below(&random, BITS);
        uint32_t found = from;
        while (found < BITS && model[found] != value)
            found++;
        ck_assert_uint_eq(bitmap_find(bitmap, BITS, from, value), found);

        uint32_t wanted = 1 + (uint32_t)random_below(&random, 40);
        uint32_t run = from;
        uint32_t length = 0;
        for (; run < BITS && length < wanted; run++)
            length = model[run] ? 0 : length + 1;
        uint32_t start;
        bool has_run = bitmap_find_run(bitmap, BITS, from, wanted, &start);
        ck_assert(has_run == (length == wanted));
        ck_assert(!has_run || start == run - wanted);

        uint32_t clear = 0;
        for (uint32_t i = 0; i < BITS; i++)
            clear += !model[i];
        ck_assert_uint_eq(bitmap_count_clear(bitmap, BITS), clear);
        if (!model[from]) {
            uint32_t low = from;
            uint32_t high = from;
            while (low > 0 && !model[low - 1])
                low--;
            while (high < BITS && !model[high])
                high++;
            ck_assert_uint_eq(bitmap_run_around(bitmap, BITS, from), high - low);
        }
        bool all = true;
        for (uint32_t i = first; i < first + count; i++)
            all = all && model[i] == !value;
        ck_assert(bitmap_is(bitmap, first, count, !value) == all);
    }
}
END_TEST

/* ---- readers and writers of the same few keys, on two shards ---- */

enum { SHARDS = 2, KEYS = 6, WRITES = 150, READERS = 12, WRITERS = 6, BODY_BYTES_MAX = 900000 };

struct crowd {
    struct bucket_store *store;
    unsigned shard;
    unsigned writers_left;
    uint64_t read;
};

static size_t make_body(uint64_t seed, uint8_t *ret_bytes)
{
    size_t size = 140000 + seed % 700000; /* never read in one go: always under a pin */
    fill_bytes(seed, ret_bytes, size);
    memcpy(ret_bytes, &seed, sizeof seed);
    return size;
}

static void write_often(struct crowd *crowd, unsigned index)
{
    struct random_seeded state;
    struct random_source random = random_seeded(&state, crowd->shard * 1000 + index);
    uint8_t *body = malloc(BODY_BYTES_MAX);
    struct error error;
    char key[16];
    for (unsigned i = 0; i < WRITES; i++) {
        (void)snprintf(key, sizeof key, "k%u", (unsigned)random_below(&random, KEYS));
        if (random_below(&random, 5) == 0) {
            ck_assert(try_delete(crowd->store, bucket, text(key), &error));
            continue;
        }
        size_t size = make_body(random_u64(&random), body);
        put(crowd->store, bucket, text(key), span_of(body, size));
    }
    free(body);
    crowd->writers_left--;
}

static void read_slowly(struct crowd *crowd, struct bucket_object *object, uint8_t *found, uint8_t *expected)
{
    size_t size = object->attributes.stored_size;
    struct error error;
    for (size_t offset = 0; offset < size; offset += 50000) {
        size_t part = size - offset < 50000 ? size - offset : 50000;
        ck_assert(bucket_read(object, offset, found + offset, part, &error));
        if (offset % 150000 == 0)
            (void)io_sleep_until(deadline_after_ms(3));
    }
    uint64_t seed;
    memcpy(&seed, found, sizeof seed);
    ck_assert_uint_eq(make_body(seed, expected), size);
    ck_assert_mem_eq(found, expected, size); /* statement 154: never a mixture */
    crowd->read++;
}

static void read_while_written(struct crowd *crowd, unsigned index)
{
    uint8_t *found = malloc(BODY_BYTES_MAX);
    uint8_t *expected = malloc(BODY_BYTES_MAX);
    char key[16];
    for (unsigned i = index; crowd->writers_left > 0; i++) {
        struct error error;
        (void)snprintf(key, sizeof key, "k%u", i % KEYS);
        struct object_name name = name_of(bucket, text(key));
        struct bucket_object *object;
        if (bucket_open(crowd->store, &name, NULL, &object, &error)) {
            read_slowly(crowd, object, found, expected);
            bucket_close(object);
        } else {
            ck_assert_str_eq(error.code, "NoSuchKey");
            (void)io_sleep_until(deadline_after_ms(1));
        }
    }
    free(found);
    free(expected);
}

static void one_of_crowd(unsigned index, void *argument)
{
    if (index < WRITERS)
        write_often(argument, index);
    else
        read_while_written(argument, index);
}

static void run_crowd(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)argument;
    struct crowd crowd = {.store = store, .shard = shard, .writers_left = WRITERS};
    run_fibers(WRITERS + READERS, one_of_crowd, &crowd);
    ck_assert_uint_gt(crowd.read, 10);
}

static void make_bucket(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)argument;
    if (shard == 0)
        create_bucket(store, bucket);
}

START_TEST(readers_are_never_disturbed)
{
    char path[64];
    folder_make(path);
    struct bucket_store *store = open_store(path, &(struct embedded_options){.shards = SHARDS});
    run_shards(store, SHARDS, make_bucket, NULL);
    run_shards(store, SHARDS, run_crowd, NULL);
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_le(usage.body_bytes, (uint64_t)KEYS * (BODY_BYTES_MAX + 8192)); /* only what is visible is kept */
    embedded_close(store);
    expect_sound_store(path);
    /* another number of shards owns the volumes now */
    store = open_store(path, &(struct embedded_options){.shards = 1});
    run_shards(store, 1, run_crowd, NULL);
    embedded_close(store);
    expect_sound_store(path);
    folder_remove(path);
}
END_TEST

/* ---- giving space back ---- */

enum { PIECES = 60, PIECE_BYTES = 1 << 20, DELAY_MS = 30 };

static uint64_t disk_bytes(const char *path)
{
    char volumes[96];
    (void)snprintf(volumes, sizeof volumes, "%s/volumes", path);
    DIR *folder = opendir(volumes);
    ck_assert_ptr_nonnull(folder);
    uint64_t bytes = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat status;
        if (entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &status, 0) == 0)
            bytes += (uint64_t)status.st_blocks * 512;
    }
    closedir(folder);
    return bytes;
}

static void put_pieces(struct bucket_store *store, uint8_t *body, unsigned first)
{
    char key[16];
    for (unsigned i = first; i < PIECES; i++) {
        (void)snprintf(key, sizeof key, "p%u", i);
        fill_bytes(i, body, PIECE_BYTES);
        put(store, bucket, text(key), span_of(body, PIECE_BYTES));
    }
}

static void delete_pieces(struct bucket_store *store, bool is_sparse)
{
    char key[16];
    struct error error;
    for (unsigned i = 0; i < PIECES; i++) {
        if (is_sparse && i % 6 == 0)
            continue;
        (void)snprintf(key, sizeof key, "p%u", i);
        ck_assert(try_delete(store, bucket, text(key), &error));
    }
}

static void wait_for_disk(const char *path, uint64_t bytes)
{
    for (unsigned i = 0; i < 1000 && disk_bytes(path) > bytes; i++)
        (void)io_sleep_until(deadline_after_ms(20));
    ck_assert_uint_le(disk_bytes(path), bytes);
}

/* Volumes are removed one by one: the disk may have enough back before the last of them has gone. */
static void wait_for_volumes(const struct bucket_store *store, uint64_t bytes)
{
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    for (unsigned i = 0; i < 1000 && usage.volume_bytes > bytes; i++) {
        (void)io_sleep_until(deadline_after_ms(20));
        embedded_usage(store, &usage);
    }
    ck_assert_uint_le(usage.volume_bytes, bytes);
}

static void give_back(struct bucket_store *store, unsigned shard, void *argument)
{
    const char *path = argument;
    uint8_t *body = malloc(PIECE_BYTES);
    make_bucket(store, shard, NULL);
    put_pieces(store, body, 0);
    ck_assert_uint_ge(disk_bytes(path), (uint64_t)PIECES * PIECE_BYTES);
    delete_pieces(store, true); /* some are left in every volume: the rest is punched */
    wait_for_disk(path, (PIECES / 6 + 4) * (uint64_t)PIECE_BYTES + (20 << 20));
    for (unsigned i = 0; i < PIECES; i += 6) {
        char key[16];
        (void)snprintf(key, sizeof key, "p%u", i);
        fill_bytes(i, body, PIECE_BYTES);
        expect_body(store, bucket, text(key), span_of(body, PIECE_BYTES));
    }
    put_pieces(store, body, 0); /* into the holes */
    delete_pieces(store, false);
    struct embedded_usage usage;
    wait_for_disk(path, 24 << 20); /* nothing is left: volumes go altogether */
    wait_for_volumes(store, 32 << 20);
    embedded_usage(store, &usage);
    ck_assert_uint_eq(usage.body_bytes, 0);
    put_pieces(store, body, PIECES / 2);
    free(body);
}

static void expect_half(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    uint8_t *body = malloc(PIECE_BYTES);
    for (unsigned i = PIECES / 2; i < PIECES; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "p%u", i);
        fill_bytes(i, body, PIECE_BYTES);
        expect_body(store, bucket, text(key), span_of(body, PIECE_BYTES));
    }
    free(body);
}

/* ---- numbers of volumes: there are only so many ---- */

enum { NUMBERED_SHARDS = 16 };

static void put_one(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)argument;
    struct error error;
    uint8_t *body = malloc(PIECE_BYTES);
    char key[16];
    (void)snprintf(key, sizeof key, "n%u", shard);
    fill_bytes(shard, body, PIECE_BYTES);
    (void)bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("owner")},
                        &error); /* one of them does */
    put(store, bucket, text(key), span_of(body, PIECE_BYTES));
    free(body);
}

static void expect_low_numbers(const char *path, unsigned long number_max)
{
    char volumes[96];
    (void)snprintf(volumes, sizeof volumes, "%s/volumes", path);
    DIR *folder = opendir(volumes);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        ck_assert_uint_le(strtoul(entry->d_name, NULL, 10), number_max);
    closedir(folder);
}

START_TEST(shards_use_up_no_numbers_of_others)
{
    char path[64];
    folder_make(path);
    struct embedded_options options = {.shards = NUMBERED_SHARDS, .volume_max_bytes = 1 << 20, .is_unfilled = true};
    struct bucket_store *store = open_store(path, &options);
    run_shards(store, NUMBERED_SHARDS, put_one, NULL);
    embedded_close(store);
    expect_low_numbers(path, NUMBERED_SHARDS * 12); /* each shard has some 9 MiB: what it wrote, and what is ahead */
    expect_sound_store(path);
    folder_remove(path);
}
END_TEST

START_TEST(dead_space_goes_back_to_the_disk)
{
    char path[64];
    folder_make(path);
    struct embedded_options options = {.shards = 1, .reclaim_delay_ms = DELAY_MS};
    struct bucket_store *store = open_store(path, &options);
    run_shards(store, 1, give_back, path);
    embedded_close(store);
    expect_sound_store(path);
    store = open_store(path, &options);
    run_shards(store, 1, expect_half, NULL);
    embedded_close(store);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded space");
    TCase *tests = tcase_create("space");
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, bitmaps_behave_like_an_array);
    tcase_add_test(tests, readers_are_never_disturbed);
    tcase_add_test(tests, shards_use_up_no_numbers_of_others);
    tcase_add_test(tests, dead_space_goes_back_to_the_disk);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
