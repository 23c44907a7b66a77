/* tests/unit/embedded/uploads_test.c -- uploads: parts in any order become one object, whole or not at all, and leave
 * no block behind. */
#include "tests/unit/embedded/uploads_fixture.h"

#include <stdlib.h>

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
    expect_blocks(store, 1 + 74 + 18 + 256 + 1 + MANIFEST_BLOCKS);
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

/* Statement 285. */
enum { MANY = 10000 };

static struct test_part *many_parts(void)
{
    struct test_part *parts = calloc(MANY, sizeof *parts);
    ck_assert_ptr_nonnull(parts);
    for (unsigned i = 0; i < MANY; i++)
        parts[i] = (struct test_part){i + 1, 1000 + i, 1 + i * 7919 % 5000};
    return parts;
}

enum { PART_FRAMES_BYTES = 8 }; /* each is one frame */

struct many {
    struct bucket_store *store;
    const char *id;
    const struct test_part *parts;
};

static void put_some(unsigned index, void *argument)
{
    const struct many *many = argument;
    for (unsigned i = index; i < MANY; i += 64)
        put_part(many->store, bucket, key, many->id, &many->parts[MANY - 1 - i]);
}

static void ten_thousand(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    char id[UPLOAD_ID_BYTES];
    struct test_part *parts = many_parts();
    begin_upload(store, bucket, key, id);
    run_fibers(64, put_some, &(struct many){store, id, parts});

    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct object_name name = name_of(bucket, key);
    struct part_attributes *listed;
    unsigned count;
    bool is_truncated;
    struct error error;
    ck_assert(bucket_list_parts(store, &name, text(id), 8999, 1000, &arena, &listed, &count, &is_truncated, &error));
    ck_assert_uint_eq(count, 1000);
    ck_assert(is_truncated);
    ck_assert_uint_eq(listed[0].number, 9000);
    ck_assert_uint_eq(listed[999].original_size, parts[9998].size);
    ck_assert_uint_eq(listed[999].frames.size, 8);
    ck_assert(bucket_list_parts(store, &name, text(id), 9000, 1000, &arena, &listed, &count, &is_truncated, &error));
    ck_assert_uint_eq(count, 1000);
    ck_assert(!is_truncated);
    ck_assert(bucket_list_parts(store, &name, text(id), 10000, 1000, &arena, &listed, &count, &is_truncated, &error));
    ck_assert_uint_eq(count, 0);
    arena_free(&arena);

    /* as many as the arena takes, and on from there */
    const size_t tight = 1001 * sizeof *listed + 500 * PART_FRAMES_BYTES;
    arena_init(&arena, tight);
    ck_assert(bucket_list_parts(store, &name, text(id), 9000, 1000, &arena, &listed, &count, &is_truncated, &error));
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_lt(count, 1000);
    ck_assert(is_truncated);
    unsigned last = listed[count - 1].number;
    ck_assert_uint_eq(last, 9000 + count);
    arena_reset(&arena);
    ck_assert(bucket_list_parts(store, &name, text(id), last, 1, &arena, &listed, &count, &is_truncated, &error));
    ck_assert_uint_eq(listed[0].number, last + 1);
    arena_free(&arena);

    uint64_t begun_ns = clock_monotonic_ns(clock_system());
    complete(store, bucket, key, id, parts, MANY);
    uint64_t took_ns = clock_monotonic_ns(clock_system()) - begun_ns;
    ck_assert_msg(took_ns < 20000000000u, "completing took %llu ms", (unsigned long long)took_ns / 1000000);
    expect_parts(store, bucket, key, parts, MANY);
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_gt(usage.body_bytes, 0);
    ck_assert(try_delete(store, bucket, key, &error));
    expect_blocks(store, 0);
    free(parts);
}

START_TEST(ten_thousand_parts_become_one_object)
{
    with_new_store(ten_thousand, NULL);
}
END_TEST

/* ---- what a Complete refuses ---- */

static void refuse_complete(struct bucket_store *store, const char *id, const struct test_part *parts, unsigned count,
                            const struct write_condition *condition, const char *code)
{
    struct error error;
    ck_assert(!try_complete(store, bucket, key, id, parts, count, condition, &error));
    ck_assert_str_eq(error.code, code);
}

/* Statements 197, 266, 269. */
static void refused(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const struct test_part parts[] = {{1, 1, 5000}, {3, 3, 6000}, {5, 5, 7000}};
    make_bucket(store);
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, key, id);
    for (unsigned i = 0; i < 3; i++)
        put_part(store, bucket, key, id, &parts[i]);
    refuse_complete(store, id, (const struct test_part[]){{1, 1, 5000}, {2, 3, 6000}}, 2, NULL, "InvalidPart");
    refuse_complete(store, id, (const struct test_part[]){{1, 1, 5000}, {3, 4, 6000}}, 2, NULL, "InvalidPart");
    refuse_complete(store, id, (const struct test_part[]){{5, 5, 7000}, {6, 1, 1}}, 2, NULL, "InvalidPart");
    refuse_complete(store, "0123456789abcdef0123456789abcdef", parts, 3, NULL, "NoSuchUpload");
    refuse_complete(store, "not an id, and 32 characters!!!!", parts, 3, NULL, "NoSuchUpload");
    struct write_condition matches = {.if_match = SPAN("x")};
    refuse_complete(store, id, parts, 3, &matches, "NoSuchKey");
    put(store, bucket, key, SPAN("what was there before"));
    struct write_condition is_new = {.if_none_match = SPAN("*")};
    refuse_complete(store, id, parts, 3, &is_new, "PreconditionFailed");
    refuse_complete(store, id, parts, 3, &matches, "PreconditionFailed");
    expect_body(store, bucket, key, SPAN("what was there before"));
    ck_assert_uint_eq(count_uploads(store, SPAN_EMPTY), 1);

    char etag[ETAG_TEXT_BYTES];
    etag_of_body(SPAN("what was there before"), etag);
    struct write_condition holds = {.if_match = text(etag)};
    struct error error;
    ck_assert(try_complete(store, bucket, key, id, parts, 3, &holds, &error));
    expect_parts(store, bucket, key, parts, 3);
    expect_blocks(store, 2 + 2 + 2 + MANIFEST_BLOCKS);

    begin_upload(store, bucket, key, id); /* and one over it, of fewer parts */
    put_part(store, bucket, key, id, &parts[0]);
    complete(store, bucket, key, id, parts, 1);
    expect_parts(store, bucket, key, parts, 1);
    expect_blocks(store, 2 + MANIFEST_BLOCKS);
    put(store, bucket, key, SPAN("small"));
    expect_blocks(store, 0);
}

START_TEST(a_refused_complete_leaves_the_upload)
{
    with_new_store(refused, NULL);
}
END_TEST

/* ---- races ---- */

enum { RACERS = 64, RACES = 20 };
struct race {
    struct bucket_store *store;
    const char *id;
    const struct test_part *parts;
    unsigned completed;
    unsigned aborted;
};

static void race_on(unsigned index, void *argument)
{
    struct race *race = argument;
    struct error error;
    struct object_name name = name_of(bucket, key);
    if (index % 4 == 3) {
        struct error ignored;
        (void)try_put_part(race->store, bucket, key, race->id, &race->parts[index % 3], &ignored);
        return;
    }
    bool done = index % 2 == 0 ? try_complete(race->store, bucket, key, race->id, race->parts, 3, NULL, &error)
                               : bucket_abort_upload(race->store, &name, text(race->id), &error);
    if (!done)
        ck_assert_str_eq(error.code, "NoSuchUpload");
    else if (index % 2 == 0)
        race->completed++;
    else
        race->aborted++;
}

/* Statements 283, 284. */
static void races(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const struct test_part parts[] = {{1, 1, 50000}, {2, 2, 6000}, {3, 3, 1}};
    make_bucket(store);
    for (unsigned i = 0; i < RACES; i++) {
        char id[UPLOAD_ID_BYTES];
        begin_upload(store, bucket, key, id);
        for (unsigned j = 0; j < 3; j++)
            put_part(store, bucket, key, id, &parts[j]);
        struct race race = {store, id, parts, 0, 0};
        run_fibers(RACERS, race_on, &race);
        ck_assert_uint_eq(race.completed + race.aborted, 1);
        struct error error;
        if (race.completed == 1) {
            expect_parts(store, bucket, key, parts, 3);
            expect_blocks(store, 13 + 2 + 1 + MANIFEST_BLOCKS);
            ck_assert(try_delete(store, bucket, key, &error));
        }
        expect_missing(store, bucket, key);
        expect_blocks(store, 0);
        ck_assert_uint_eq(count_uploads(store, SPAN_EMPTY), 0);
    }
}

START_TEST(one_of_many_completes_and_aborts_wins)
{
    with_new_store(races, NULL);
}
END_TEST

/* ---- readers ---- */

static void reader_stays(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const struct test_part parts[] = {{1, 1, 500000}, {2, 2, 600001}};
    make_bucket(store);
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, key, id);
    for (unsigned i = 0; i < 2; i++)
        put_part(store, bucket, key, id, &parts[i]);
    complete(store, bucket, key, id, parts, 2);
    struct error error;
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    uint8_t *bytes = malloc(1100001);
    uint8_t *expected = malloc(1100001);
    ck_assert(bytes != NULL && expected != NULL);
    fill_bytes(1, expected, 500000);
    fill_bytes(2, expected + 500000, 600001);
    for (unsigned i = 0; i < 50; i++) { /* while other bodies come and go */
        fill_bytes(i, bytes, 1100001);
        put(store, bucket, key, span_of(bytes, 1100001));
        ck_assert(try_delete(store, bucket, key, &error));
    }
    ck_assert(bucket_read(object, 1, bytes, 1100000, &error));
    ck_assert(memcmp(bytes, expected + 1, 1100000) == 0);
    bucket_close(object);
    expect_blocks(store, 0);
    free(bytes);
    free(expected);
}

START_TEST(a_reader_keeps_the_pieces_of_its_object)
{
    with_new_store(reader_stays, NULL);
}
END_TEST

/* ---- copies ---- */

static void copies(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const struct test_part parts[] = {{1, 1, 500000}, {2, 2, 3}, {3, 3, 600001}};
    make_bucket(store);
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, key, id);
    for (unsigned i = 0; i < 3; i++)
        put_part(store, bucket, key, id, &parts[i]);
    complete(store, bucket, key, id, parts, 3);
    struct error error;
    struct object_name source = name_of(bucket, key);
    struct object_name target = name_of(bucket, text("copy"));
    struct bucket_object *object;
    ck_assert(bucket_open(store, &source, NULL, &object, &error));
    struct object_attributes attributes = object->attributes;
    attributes.parts_count = 0;
    attributes.is_multipart = false;
    struct write_result result = {.attributes = &attributes, .tags = SPAN("c=d")};
    struct object_attributes stored;
    ck_assert(bucket_copy(object, &target, &result, &stored, &error));
    bucket_close(object);
    ck_assert(try_delete(store, bucket, key, &error));

    ck_assert(bucket_open(store, &target, NULL, &object, &error));
    uint8_t *bytes = malloc(1100004);
    uint8_t *expected = malloc(1100004);
    ck_assert(bytes != NULL && expected != NULL);
    for (unsigned i = 0, at = 0; i < 3; at += parts[i++].size)
        fill_bytes(parts[i].seed, expected + at, parts[i].size);
    ck_assert(bucket_read(object, 0, bytes, 1100004, &error));
    ck_assert(memcmp(bytes, expected, 1100004) == 0);
    struct buffer sidecar;
    buffer_init(&sidecar, 0);
    ck_assert(bucket_read_sidecar(object, &sidecar, &error));
    ck_assert(span_equal(buffer_span(&sidecar), SPAN("a sidecar")));
    buffer_free(&sidecar);
    bucket_close(object);
    free(bytes);
    free(expected);
}

START_TEST(a_copy_is_one_body)
{
    with_new_store(copies, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded uploads");
    TCase *tests = tcase_create("uploads");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, parts_in_any_order_become_one_object);
    tcase_add_test(tests, ten_thousand_parts_become_one_object);
    tcase_add_test(tests, a_refused_complete_leaves_the_upload);
    tcase_add_test(tests, one_of_many_completes_and_aborts_wins);
    tcase_add_test(tests, a_reader_keeps_the_pieces_of_its_object);
    tcase_add_test(tests, a_copy_is_one_body);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
