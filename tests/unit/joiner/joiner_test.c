/* tests/unit/joiner/joiner_test.c -- parts of any size, over a store whose own parts have a smallest size. */
#include "store/joiner/joiner.h"
#include "tests/unit/embedded/uploads.h"

#include "runtime/fiber/fiber.h"

#include <stdio.h>
#include <stdlib.h>

enum { BYTES_MIN = 65536, SHARDS = 2 };
static const struct span bucket = SPAN("bucket");
static const struct span key = SPAN("key");

/* ---- a joiner over a store in a folder ---- */

struct stage {
    struct bucket_store *inner;
    struct bucket_store *store; /* the joiner */
    void (*body)(struct stage *stage, unsigned shard);
    void *argument;
};

static void run_stage(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)store;
    struct stage *stage = argument;
    stage->body(stage, shard);
}

static void on_folder(const char *path, unsigned shards, void (*body)(struct stage *stage, unsigned shard),
                      void *argument)
{
    struct stage stage = {.body = body, .argument = argument};
    stage.inner = open_store(path, &(struct embedded_options){.shards = shards, .part_bytes_min = BYTES_MIN});
    stage.store = joiner_create(stage.inner);
    ck_assert_uint_eq(stage.store->capabilities.part_bytes_min, 0);
    run_shards(stage.inner, shards, run_stage, &stage);
    joiner_destroy(stage.store);
    embedded_close(stage.inner);
}

static void on_new_folder(void (*body)(struct stage *stage, unsigned shard))
{
    char path[64];
    folder_make(path);
    on_folder(path, 1, body, NULL);
    folder_remove(path);
}

static void make_bucket(struct bucket_store *store)
{
    struct error error;
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("alice")}, &error));
}

static uint64_t body_bytes(struct stage *stage)
{
    struct embedded_usage usage;
    embedded_usage(stage->inner, &usage);
    return usage.body_bytes;
}

static unsigned count_objects(struct bucket_store *store)
{
    struct arena arena;
    struct list_page page;
    struct error error;
    struct list_request request = {.bucket = bucket, .entries_max = 1000};
    arena_init(&arena, 4 << 20);
    ck_assert(bucket_list(store, &request, &arena, &page, &error));
    ck_assert(!page.is_truncated);
    arena_free(&arena);
    return page.count;
}

static unsigned count_stored_parts(struct stage *stage, const char *id)
{
    struct arena arena;
    struct part_attributes *parts;
    unsigned count;
    bool is_truncated;
    struct error error;
    struct object_name name = name_of(bucket, key);
    arena_init(&arena, 4 << 20);
    ck_assert(bucket_list_parts(stage->inner, &name, text(id), 0, 1000, &arena, &parts, &count, &is_truncated, &error));
    for (unsigned i = 0; i < count; i++)
        ck_assert_uint_ge(parts[i].stored_size, BYTES_MIN);
    arena_free(&arena);
    return count;
}

/* The object's bytes and no more: for each stored part at most the rest of its last block, and a block of manifest. */
static void expect_no_padding(struct stage *stage, const struct test_part *parts, unsigned count)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < count; i++)
        size += parts[i].size;
    ck_assert_uint_ge(body_bytes(stage), size);
    ck_assert_uint_lt(body_bytes(stage), size + (size / BYTES_MIN + 2) * 4096);
}

/* ---- one upload ---- */

static void inner_rule(struct stage *stage, unsigned shard)
{
    (void)shard;
    static const struct test_part parts[] = {{1, 1, BYTES_MIN}, {2, 2, BYTES_MIN - 1}, {3, 3, 1}};
    char id[UPLOAD_ID_BYTES];
    struct error error;
    make_bucket(stage->inner);
    begin_upload(stage->inner, bucket, key, id);
    for (unsigned i = 0; i < 3; i++)
        put_part(stage->inner, bucket, key, id, &parts[i]);
    ck_assert(!try_complete(stage->inner, bucket, key, id, parts, 3, NULL, &error));
    ck_assert_str_eq(error.code, "EntityTooSmall");
    complete(stage->inner, bucket, key, id, parts, 2);
}

START_TEST(the_inner_store_refuses_small_parts)
{
    on_new_folder(inner_rule);
}
END_TEST

static const struct test_part mixed[] = {
    {1, 1, 20000}, {2, 2, 20000}, {3, 3, 30000},   {4, 4, 100},     {5, 5, 200000},  {6, 6, 0},      {7, 7, 65536},
    {8, 8, 65535}, {11, 11, 1},   {12, 12, 70000}, {15, 15, 50000}, {16, 16, 50000}, {17, 17, 3000}, {18, 18, 3000}};
enum { MIXED = sizeof mixed / sizeof mixed[0] };

static void any_order(struct stage *stage, unsigned shard)
{
    (void)shard;
    struct error error;
    make_bucket(stage->store);
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 3);
    for (unsigned round = 0; round < 30; round++) {
        char id[UPLOAD_ID_BYTES];
        bool is_sent[MIXED] = {false};
        unsigned left = MIXED;
        begin_upload(stage->store, bucket, key, id);
        while (left > 0) {
            unsigned i = round == 0 ? MIXED - left : (unsigned)random_below(&random, MIXED);
            if (random_below(&random, 5) == 0) /* what is sent again later */
                put_part(stage->store, bucket, key, id, &(struct test_part){mixed[i].number, 99, mixed[i].size + 1});
            else if (!is_sent[i])
                left--;
            else
                continue;
            is_sent[i] = true;
            put_part(stage->store, bucket, key, id, &mixed[i]);
            if (left == 0)
                break;
            left = 0;
            for (unsigned j = 0; j < MIXED; j++)
                left += !is_sent[j];
        }
        put_part(stage->store, bucket, key, id, &(struct test_part){9, 99, 40000}); /* not chosen */
        if (round == 0)
            ck_assert_uint_ge(count_stored_parts(stage, id), 4);
        ck_assert_uint_eq(count_objects(stage->store), round == 0 ? 0 : 1); /* pieces do not show */
        complete(stage->store, bucket, key, id, mixed, MIXED);
        expect_parts(stage->store, bucket, key, mixed, MIXED);
        expect_no_padding(stage, mixed, MIXED);
        ck_assert_uint_eq(count_objects(stage->inner), 1);
    }
    ck_assert(try_delete(stage->store, bucket, key, &error));
    ck_assert_uint_eq(body_bytes(stage), 0);
}

START_TEST(parts_of_any_size_in_any_order)
{
    on_new_folder(any_order);
}
END_TEST

static void resend(struct stage *stage, unsigned shard)
{
    (void)shard;
    static const struct test_part first[] = {{1, 1, 40000}, {2, 2, 40000}, {3, 3, 100000}, {4, 4, 10}};
    static const struct test_part second[] = {{1, 1, 40000}, {2, 22, 40000}, {3, 33, 7}, {4, 4, 10}};
    char id[UPLOAD_ID_BYTES];
    struct error error;
    make_bucket(stage->store);
    begin_upload(stage->store, bucket, key, id);
    for (unsigned i = 0; i < 4; i++)
        put_part(stage->store, bucket, key, id, &first[i]);
    ck_assert_uint_eq(count_stored_parts(stage, id), 2); /* 1 with 2, and 3 */
    put_part(stage->store, bucket, key, id, &second[1]);
    put_part(stage->store, bucket, key, id, &second[2]);

    struct object_name name = name_of(bucket, key);
    struct arena arena;
    struct part_attributes *parts;
    unsigned count;
    bool is_truncated;
    arena_init(&arena, 1 << 20);
    ck_assert(bucket_list_parts(stage->store, &name, text(id), 1, 2, &arena, &parts, &count, &is_truncated, &error));
    ck_assert_uint_eq(count, 2);
    ck_assert(is_truncated);
    ck_assert_uint_eq(parts[0].number, 2);
    ck_assert_uint_eq(parts[1].original_size, 7);
    ck_assert_uint_eq(parts[1].stored_size, 7);
    ck_assert_uint_eq(parts[1].frames.size, 8);
    ck_assert_int_eq(parts[1].checksum.algorithm, CHECKSUM_CRC32C);
    ck_assert(bucket_list_parts(stage->store, &name, text(id), 3, 2, &arena, &parts, &count, &is_truncated, &error));
    ck_assert_uint_eq(count, 1);
    struct checksum_value longest = checksum_of_part(&second[3], 0);
    ck_assert_int_eq(parts[0].checksum.algorithm, CHECKSUM_SHA512);
    ck_assert_mem_eq(parts[0].checksum.bytes, longest.bytes, CHECKSUM_BYTES_MAX);
    arena_free(&arena);

    ck_assert(!try_complete(stage->store, bucket, key, id, first, 4, NULL, &error));
    ck_assert_str_eq(error.code, "InvalidPart");
    complete(stage->store, bucket, key, id, second, 4);
    expect_parts(stage->store, bucket, key, second, 4);
    ck_assert(!try_put_part(stage->store, bucket, key, id, &first[0], &error));
    ck_assert_str_eq(error.code, "NoSuchUpload");
    ck_assert_uint_eq(count_objects(stage->inner), 1);

    begin_upload(stage->store, bucket, key, id); /* and one that is given up */
    for (unsigned i = 0; i < 4; i++)
        put_part(stage->store, bucket, key, id, &first[i]);
    ck_assert(bucket_abort_upload(stage->store, &name, text(id), &error));
    ck_assert_uint_eq(count_objects(stage->inner), 1);
    expect_no_padding(stage, second, 4);
}

START_TEST(a_part_is_sent_again_after_it_was_joined)
{
    on_new_folder(resend);
}
END_TEST

/* ---- conditions, buckets ---- */

static void conditions(struct stage *stage, unsigned shard)
{
    (void)shard;
    static const struct test_part parts[] = {{1, 1, 40000}, {2, 2, 100}};
    struct write_condition is_new = {.if_none_match = SPAN("*")};
    struct write_condition matches = {.if_match = SPAN("x")};
    char id[UPLOAD_ID_BYTES];
    struct error error;
    make_bucket(stage->store);
    begin_upload(stage->store, bucket, key, id);
    for (unsigned i = 0; i < 2; i++)
        put_part(stage->store, bucket, key, id, &parts[i]);
    ck_assert(!try_complete(stage->store, bucket, key, id, parts, 2, &matches, &error));
    ck_assert_str_eq(error.code, "NoSuchKey");
    put(stage->store, bucket, key, SPAN("there"));
    ck_assert(!try_complete(stage->store, bucket, key, id, parts, 2, &is_new, &error));
    ck_assert_str_eq(error.code, "PreconditionFailed");
    ck_assert(!bucket_delete(stage->store, bucket, &error));
    ck_assert_str_eq(error.code, "BucketNotEmpty");
    expect_body(stage->store, bucket, key, SPAN("there"));
    ck_assert(try_delete(stage->store, bucket, key, &error));
    ck_assert(try_complete(stage->store, bucket, key, id, parts, 2, &is_new, &error));
    expect_parts(stage->store, bucket, key, parts, 2);
    ck_assert(try_delete(stage->store, bucket, key, &error));
    begin_upload(stage->store, bucket, key, id);
    put_part(stage->store, bucket, key, id, &parts[0]);
    ck_assert(bucket_delete(stage->store, bucket, &error)); /* statement 118 */
    ck_assert_uint_eq(body_bytes(stage), 0);
}

START_TEST(conditions_and_buckets)
{
    on_new_folder(conditions);
}
END_TEST

/* ---- races ---- */

enum { RACERS = 64, RACE_PARTS = 12, RACES = 10 };
struct race {
    struct stage *stage;
    const char *id;
    struct test_part *parts;
    unsigned won;
    bool is_completed;
};

static void send_one(unsigned index, void *argument)
{
    struct race *race = argument;
    put_part(race->stage->store, bucket, key, race->id, &race->parts[index]);
}

static void race_on(unsigned index, void *argument)
{
    struct race *race = argument;
    struct error error;
    struct object_name name = name_of(bucket, key);
    bool is_complete = index % 8 != 7;
    bool done = is_complete
                    ? try_complete(race->stage->store, bucket, key, race->id, race->parts, RACE_PARTS, NULL, &error)
                    : bucket_abort_upload(race->stage->store, &name, text(race->id), &error);
    if (done) {
        race->won++;
        race->is_completed = is_complete;
    } else {
        ck_assert_msg(strcmp(error.code, "NoSuchUpload") == 0 || strcmp(error.code, "SlowDown") == 0, "%s: %s",
                      error.code, error.message);
    }
}

static void races(struct stage *stage, unsigned shard)
{
    (void)shard;
    make_bucket(stage->store);
    struct test_part parts[RACE_PARTS];
    for (unsigned i = 0; i < RACE_PARTS; i++)
        parts[i] = (struct test_part){i + 1, i, 1000 + i * 6000};
    for (unsigned i = 0; i < RACES; i++) {
        char id[UPLOAD_ID_BYTES];
        struct error error;
        begin_upload(stage->store, bucket, key, id);
        struct race race = {stage, id, parts, 0, false};
        run_fibers(RACE_PARTS, send_one, &race);
        run_fibers(RACERS, race_on, &race);
        ck_assert_uint_eq(race.won, 1);
        if (race.is_completed) {
            expect_parts(stage->store, bucket, key, parts, RACE_PARTS);
            ck_assert(try_delete(stage->store, bucket, key, &error));
        }
        expect_missing(stage->store, bucket, key);
        ck_assert_uint_eq(count_objects(stage->inner), 0);
        ck_assert_uint_eq(body_bytes(stage), 0);
    }
}

START_TEST(one_of_many_completes_and_aborts_wins)
{
    on_new_folder(races);
}
END_TEST

/* ---- many ---- */

enum { MANY = 3000 };
struct many {
    struct stage *stage;
    const char *id;
    struct test_part *parts;
};

static void send_some(unsigned index, void *argument)
{
    struct many *many = argument;
    for (unsigned i = index; i < MANY; i += 16)
        put_part(many->stage->store, bucket, key, many->id, &many->parts[i]);
}

static void thousands(struct stage *stage, unsigned shard)
{
    (void)shard;
    char id[UPLOAD_ID_BYTES];
    struct test_part *parts = calloc(MANY, sizeof *parts);
    ck_assert_ptr_nonnull(parts);
    for (unsigned i = 0; i < MANY; i++)
        parts[i] = (struct test_part){i + 1, 5000 + i, 1 + i * 7919 % 9000};
    make_bucket(stage->store);
    begin_upload(stage->store, bucket, key, id);
    run_fibers(16, send_some, &(struct many){stage, id, parts});
    ck_assert_uint_gt(count_stored_parts(stage, id), MANY * 4500 / BYTES_MIN / 3); /* most were joined on the way */
    complete(stage->store, bucket, key, id, parts, MANY);
    expect_parts(stage->store, bucket, key, parts, MANY);
    expect_no_padding(stage, parts, MANY);
    free(parts);
}

START_TEST(thousands_of_small_parts)
{
    on_new_folder(thousands);
}
END_TEST

/* ---- restarts ---- */

static void begin_one(struct stage *stage, unsigned shard)
{
    (void)shard;
    make_bucket(stage->store);
    begin_upload(stage->store, bucket, key, stage->argument);
    for (unsigned i = 0; i < MIXED; i += 2)
        put_part(stage->store, bucket, key, stage->argument, &mixed[i]);
}

static void end_one(struct stage *stage, unsigned shard)
{
    (void)shard;
    for (unsigned i = 1; i < MIXED; i += 2)
        put_part(stage->store, bucket, key, stage->argument, &mixed[i]);
    complete(stage->store, bucket, key, stage->argument, mixed, MIXED);
    expect_parts(stage->store, bucket, key, mixed, MIXED);
    expect_no_padding(stage, mixed, MIXED);
}

START_TEST(an_upload_outlives_the_process)
{
    char path[64];
    char id[UPLOAD_ID_BYTES];
    folder_make(path);
    on_folder(path, 1, begin_one, id);
    on_folder(path, 1, end_one, id);
    folder_remove(path);
}
END_TEST

/* As a crash between a Complete and the removal of its pieces leaves it. */
static void leave_orphans(struct stage *stage, unsigned shard)
{
    (void)shard;
    char id[UPLOAD_ID_BYTES];
    char next[UPLOAD_ID_BYTES];
    struct error error;
    struct object_name name = name_of(bucket, key);
    make_bucket(stage->store);
    begin_upload(stage->store, bucket, key, id);
    put_part(stage->store, bucket, key, id, &mixed[0]);
    put_part(stage->store, bucket, key, id, &mixed[4]);
    begin_upload(stage->store, bucket, text("open"), next);
    put_part(stage->store, bucket, text("open"), next, &mixed[1]);
    ck_assert(bucket_abort_upload(stage->inner, &name, text(id), &error)); /* behind the joiner's back */
    ck_assert_uint_eq(count_objects(stage->inner), 3);
    for (unsigned i = 0; i < 100 && count_objects(stage->inner) > 1; i++) {
        begin_upload(stage->store, bucket, key, id);
        ck_assert(bucket_abort_upload(stage->store, &name, text(id), &error));
    }
    ck_assert_uint_eq(count_objects(stage->inner), 1);
    complete(stage->store, bucket, text("open"), next, &mixed[1], 1);
    expect_parts(stage->store, bucket, text("open"), &mixed[1], 1);
}

START_TEST(pieces_of_nobody_are_swept_away)
{
    on_new_folder(leave_orphans);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("joiner");
    TCase *tests = tcase_create("joiner");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, the_inner_store_refuses_small_parts);
    tcase_add_test(tests, parts_of_any_size_in_any_order);
    tcase_add_test(tests, a_part_is_sent_again_after_it_was_joined);
    tcase_add_test(tests, conditions_and_buckets);
    tcase_add_test(tests, one_of_many_completes_and_aborts_wins);
    tcase_add_test(tests, thousands_of_small_parts);
    tcase_add_test(tests, an_upload_outlives_the_process);
    tcase_add_test(tests, pieces_of_nobody_are_swept_away);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
