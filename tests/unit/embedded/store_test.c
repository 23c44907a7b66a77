/* tests/unit/embedded/store_test.c -- what goes into the store comes out: objects, conditions, buckets, reopening. */
#include "tests/unit/embedded/fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct span bucket = SPAN("bucket");

static void make_bucket(struct bucket_store *store)
{
    struct error error;
    bool done = bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("alice")}, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

/* ---- bodies of every size ---- */

static const size_t sizes[] = {0,    1,     1999,   2000,   2001,   4095,   4096,   4097,    65536,
                               8192, 70000, 131072, 131073, 262143, 262144, 262145, 1 << 20, (5 << 20) + 17};

static void put_sizes(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    uint8_t *bytes = malloc(6 << 20);
    for (unsigned round = 0; round < 3; round++) { /* the second and third overwrite */
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char key[32];
            (void)snprintf(key, sizeof key, "key-%zu", i);
            fill_bytes(round * 100 + i, bytes, sizes[i]);
            put(store, bucket, text(key), span_of(bytes, sizes[i]));
            expect_body(store, bucket, text(key), span_of(bytes, sizes[i]));
        }
    }
    free(bytes);
}

static void get_sizes(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    uint8_t *bytes = malloc(6 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key-%zu", i);
        fill_bytes(200 + i, bytes, sizes[i]);
        expect_body(store, bucket, text(key), span_of(bytes, sizes[i]));
        struct error error;
        ck_assert(try_delete(store, bucket, text(key), &error));
        expect_missing(store, bucket, text(key));
    }
    free(bytes);
}

START_TEST(bodies_come_back)
{
    char path[64];
    folder_make(path);
    with_store(path, put_sizes, NULL);
    with_store(path, get_sizes, NULL); /* after a restart */
    folder_remove(path);
}
END_TEST

/* ---- attributes ---- */

static void keep_attributes(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    struct buffer metadata;
    buffer_init(&metadata, 0);
    ck_assert(metadata_append(&metadata, text("content-type"), text("text/plain")));
    ck_assert(metadata_append(&metadata, text("x-amz-meta-a"), text("b")));
    struct object_attributes attributes = {
        .original_size = 123456789,
        .is_size_known = true,
        .is_s4 = true,
        .is_multipart = true,
        .has_crc32c = true,
        .crc32c = 0xdeadbeef,
        .layout = LAYOUT_FRAMED,
        .codec = 1,
        .etag = "0123456789abcdef0123456789abcdef-17",
        .dictionary = "0011223344556677",
        .parts_count = 17,
        .tags_count = 3,
        .checksum = {.algorithm = CHECKSUM_CRC32C,
                     .type = CHECKSUM_COMPOSITE,
                     .parts_count = 17,
                     .bytes = {1, 2, 3, 4}},
        .metadata = buffer_span(&metadata),
    };
    struct error error;
    struct write_intent intent = {.name = name_of(bucket, text("k"))};
    struct bucket_writer *writer;
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, text("body"), &error));
    struct write_result result = {.attributes = &attributes, .sidecar = text("a sidecar")};
    struct object_attributes stored;
    ck_assert(bucket_commit(writer, &result, &stored, &error));
    ck_assert_uint_eq(stored.metadata.size, 0);
    ck_assert_str_eq(stored.version, "null");

    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct object_attributes found;
    ck_assert(bucket_head(store, &intent.name, &arena, &found, &error));
    ck_assert(span_equal(found.metadata, buffer_span(&metadata)));
    ck_assert_str_eq(found.stored_etag, stored.stored_etag);
    ck_assert_int_eq(found.modified_ms, stored.modified_ms);
    ck_assert_uint_eq(found.sidecar_size, 9);
    ck_assert_uint_eq(found.stored_size, 4);
    ck_assert_str_eq(found.etag, attributes.etag);
    ck_assert_str_eq(found.dictionary, attributes.dictionary);
    ck_assert_uint_eq(found.original_size, attributes.original_size);
    ck_assert_uint_eq(found.crc32c, attributes.crc32c);
    ck_assert_uint_eq(found.codec, 1);
    ck_assert_int_eq(found.layout, LAYOUT_FRAMED);
    ck_assert(found.is_s4 && found.is_multipart && found.has_crc32c && found.is_size_known && !found.is_encrypted);
    ck_assert_uint_eq(found.parts_count, 17);
    ck_assert_uint_eq(found.tags_count, 3);
    ck_assert_int_eq(found.checksum.algorithm, CHECKSUM_CRC32C);
    ck_assert_int_eq(found.checksum.type, CHECKSUM_COMPOSITE);
    ck_assert_uint_eq(found.checksum.parts_count, 17);
    ck_assert_mem_eq(found.checksum.bytes, attributes.checksum.bytes, CHECKSUM_BYTES_MAX);

    struct bucket_object *object;
    ck_assert(bucket_open(store, &intent.name, NULL, &object, &error));
    struct buffer sidecar;
    buffer_init(&sidecar, 0);
    ck_assert(bucket_read_sidecar(object, &sidecar, &error));
    ck_assert(span_equal(buffer_span(&sidecar), text("a sidecar")));

    /* a copy under another name, with attributes of its own */
    struct object_name target = name_of(bucket, text("copy"));
    strcpy(attributes.etag, "Not-An-MD5");
    ck_assert(bucket_copy(object, &target, &result, &stored, &error));
    bucket_close(object);
    ck_assert(bucket_open(store, &target, NULL, &object, &error));
    ck_assert_str_eq(object->attributes.etag, "Not-An-MD5");
    ck_assert(span_equal(object->whole_body, text("body")));
    buffer_clear(&sidecar);
    ck_assert(bucket_read_sidecar(object, &sidecar, &error));
    ck_assert(span_equal(buffer_span(&sidecar), text("a sidecar")));
    bucket_close(object);
    buffer_free(&sidecar);
    buffer_free(&metadata);
    arena_free(&arena);
}

START_TEST(attributes_come_back)
{
    with_new_store(keep_attributes, NULL);
}
END_TEST

/* ---- buckets ---- */

static void use_buckets(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    make_bucket(store);
    ck_assert(!bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("alice")}, &error));
    ck_assert_str_eq(error.code, "BucketAlreadyOwnedByYou");
    ck_assert(!bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text("bob")}, &error));
    ck_assert_str_eq(error.code, "BucketAlreadyExists");
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("bucket2"), .owner = text("bob")}, &error));
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("aaa"), .owner = text("bob")}, &error));

    struct bucket_info info;
    ck_assert(bucket_find(store, text("bucket2"), &info, &error));
    ck_assert_str_eq(info.owner, "bob");
    ck_assert_str_eq(info.name, "bucket2");
    ck_assert(!bucket_find(store, text("none"), &info, &error));
    ck_assert_str_eq(error.code, "NoSuchBucket");

    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct bucket_info *buckets;
    unsigned count;
    bool is_truncated;
    ck_assert(bucket_list_buckets(store, text("bob"), SPAN_EMPTY, SPAN_EMPTY, 1000, &arena, &buckets, &count,
                                  &is_truncated, &error));
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(buckets[0].name, "aaa");
    ck_assert_str_eq(buckets[1].name, "bucket2");
    ck_assert(!is_truncated);
    ck_assert(bucket_list_buckets(store, SPAN_EMPTY, text("buck"), text("bucket"), 1000, &arena, &buckets, &count,
                                  &is_truncated, &error));
    ck_assert_uint_eq(count, 1);
    ck_assert(bucket_list_buckets(store, SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY, 2, &arena, &buckets, &count, &is_truncated,
                                  &error));
    ck_assert_uint_eq(count, 2);
    ck_assert(is_truncated);
    arena_free(&arena);

    put(store, bucket, text("k"), text("v"));
    ck_assert(!bucket_delete(store, bucket, &error));
    ck_assert_str_eq(error.code, "BucketNotEmpty");
    ck_assert(try_delete(store, bucket, text("k"), &error));
    ck_assert(bucket_delete(store, bucket, &error));
    ck_assert(!bucket_delete(store, bucket, &error));
    ck_assert_str_eq(error.code, "NoSuchBucket");
    ck_assert(!try_put(store, bucket, text("k"), text("v"), NULL, &error));
    ck_assert_str_eq(error.code, "NoSuchBucket");
    make_bucket(store);
    expect_missing(store, bucket, text("k"));
}

START_TEST(buckets_are_made_and_removed)
{
    with_new_store(use_buckets, NULL);
}
END_TEST

/* What a shard remembers of a bucket ends with the bucket, and with the next one of that name. */
static void look_buckets_up_again(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct bucket_info info;
    for (int turn = 0; turn < 2; turn++) {
        const char *owner = turn == 0 ? "bob" : "carol";
        ck_assert(bucket_create(store, &(struct bucket_intent){.name = bucket, .owner = text(owner)}, &error));
        for (int i = 0; i < 2; i++) {
            ck_assert(bucket_find(store, bucket, &info, &error));
            ck_assert_str_eq(info.owner, owner);
        }
        expect_missing(store, bucket, text("k"));
        put(store, bucket, text("k"), text("v"));
        ck_assert(try_delete(store, bucket, text("k"), &error));
        ck_assert(bucket_delete(store, bucket, &error));
        ck_assert(!bucket_find(store, bucket, &info, &error));
        ck_assert_str_eq(error.code, "NoSuchBucket");
    }
}

START_TEST(buckets_are_looked_up_again)
{
    with_new_store(look_buckets_up_again, NULL);
}
END_TEST

/* A caller that has a body already is asked by the ETag of the stored bytes, and gets the object without its body. */
struct recall_of_one {
    char stored_etag[STORED_ETAG_TEXT_BYTES];
    unsigned asked;
};

static void *recall_one(void *context, const struct object_name *name, const struct object_attributes *attributes)
{
    (void)name;
    struct recall_of_one *recall = context;
    recall->asked++;
    return strcmp(attributes->stored_etag, recall->stored_etag) == 0 ? recall : NULL;
}

static void recall_bodies(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const size_t body_sizes[] = {1, 1000, 3000, 100000}; /* in the catalogue, and in extents */
    uint8_t *bytes = malloc(100000);
    make_bucket(store);
    for (size_t i = 0; i < sizeof body_sizes / sizeof body_sizes[0]; i++) {
        struct error error;
        struct bucket_object *object;
        struct recall_of_one mine = {.asked = 0};
        const struct bucket_recall recall = {.find = recall_one, .context = &mine};
        const struct open_intent intent = {.recall = &recall};
        const struct object_name name = name_of(bucket, text("k"));
        fill_bytes(i, bytes, body_sizes[i]);
        put(store, bucket, text("k"), span_of(bytes, body_sizes[i]));
        ck_assert(bucket_open(store, &name, &intent, &object, &error));
        ck_assert_ptr_null(object->recalled);
        ck_assert_uint_eq(object->whole_body.size, body_sizes[i]);
        memcpy(mine.stored_etag, object->attributes.stored_etag, sizeof mine.stored_etag);
        bucket_close(object);

        ck_assert(bucket_open(store, &name, &intent, &object, &error));
        ck_assert_ptr_eq(object->recalled, &mine);
        ck_assert_uint_eq(object->whole_body.size, 0);
        ck_assert_uint_eq(object->attributes.stored_size, body_sizes[i]);
        ck_assert_uint_eq(mine.asked, 2);
        bucket_close(object);
        expect_body(store, bucket, text("k"), span_of(bytes, body_sizes[i]));

        put(store, bucket, text("k"), span_of(bytes, body_sizes[i])); /* the same bytes, and others to the store */
        ck_assert(bucket_open(store, &name, &intent, &object, &error));
        ck_assert_ptr_null(object->recalled);
        bucket_close(object);
    }
    free(bytes);
}

START_TEST(a_known_body_is_not_fetched)
{
    with_new_store(recall_bodies, NULL);
}
END_TEST

/* A write that began before its bucket went does not appear in a new bucket of that name unless that is there. */
static void write_across_delete(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    make_bucket(store);
    struct write_intent intent = {.name = name_of(bucket, text("k"))};
    struct bucket_writer *writer;
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_delete(store, bucket, &error));
    struct object_attributes attributes = {.is_size_known = true};
    struct object_attributes stored;
    struct write_result result = {.attributes = &attributes};
    ck_assert(!bucket_commit(writer, &result, &stored, &error));
    ck_assert_str_eq(error.code, "NoSuchBucket");
}

START_TEST(a_write_does_not_outlive_its_bucket)
{
    with_new_store(write_across_delete, NULL);
}
END_TEST

/* ---- conditions ---- */

struct race {
    struct bucket_store *store;
    unsigned round;
    unsigned winners;
    unsigned losers;
};

static void race_one(unsigned index, void *argument)
{
    struct race *race = argument;
    struct write_condition condition = {.if_none_match = text("*")};
    char key[32];
    char body[32];
    (void)snprintf(key, sizeof key, "race-%u", race->round);
    (void)snprintf(body, sizeof body, "written by %u", index);
    struct error error;
    if (try_put(race->store, bucket, text(key), text(body), &condition, &error)) {
        race->winners++;
    } else {
        ck_assert_str_eq(error.code, "PreconditionFailed");
        race->losers++;
    }
}

static void run_races(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    for (unsigned round = 0; round < 50; round++) {
        struct race race = {.store = store, .round = round};
        run_fibers(64, race_one, &race);
        ck_assert_uint_eq(race.winners, 1); /* statement 198 */
        ck_assert_uint_eq(race.losers, 63);
    }
}

START_TEST(one_of_64_writers_wins)
{
    with_new_store(run_races, NULL);
}
END_TEST

static void add_one(unsigned index, void *argument)
{
    (void)index;
    struct bucket_store *store = argument;
    struct object_name name = name_of(bucket, text("counter"));
    for (unsigned done = 0; done < 10;) {
        struct error error;
        struct bucket_object *object;
        ck_assert(bucket_open(store, &name, NULL, &object, &error));
        char etag[ETAG_TEXT_BYTES];
        strcpy(etag, object->attributes.etag);
        char number[32];
        (void)snprintf(number, sizeof number, "%.*s", SPAN_FORMAT(object->whole_body));
        bucket_close(object);
        (void)snprintf(number, sizeof number, "%d", atoi(number) + 1);
        struct write_condition condition = {.if_match = text(etag)};
        if (try_put(store, bucket, name.key, text(number), &condition, &error))
            done++;
        else
            ck_assert_str_eq(error.code, "PreconditionFailed");
    }
}

static void count_on_each_shard(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    run_fibers(8, add_one, store);
}

static void start_counter(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    put(store, bucket, text("counter"), text("0"));
}

static void expect_160(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    expect_body(store, bucket, text("counter"), text("160"));
}

START_TEST(no_update_is_lost) /* statement 199 */
{
    char path[64];
    folder_make(path);
    struct bucket_store *store = open_store(path, &(struct embedded_options){.shards = 2});
    run_shards(store, 1, start_counter, NULL);
    run_shards(store, 2, count_on_each_shard, NULL);
    run_shards(store, 1, expect_160, NULL);
    embedded_close(store);
    folder_remove(path);
}
END_TEST

static void delete_on_conditions(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    put(store, bucket, text("a"), text("one"));
    put(store, bucket, text("b"), text("two"));
    char etag[ETAG_TEXT_BYTES];
    etag_of_body(text("one"), etag);
    struct write_condition right = {.if_match = text(etag)};
    struct write_condition wrong = {.if_match = text("\"nothing\"")};
    struct write_condition size = {.has_size = true, .size = 3};
    struct delete_item items[] = {
        {.key = text("a"), .condition = &right}, {.key = text("b"), .condition = &wrong}, {.key = text("c")},
        {.key = text("c"), .condition = &right}, {.key = text("b"), .condition = &size},
    };
    struct error error;
    ck_assert(bucket_delete_objects(store, bucket, items, 5, &error));
    ck_assert(items[0].is_deleted);
    ck_assert(!items[1].is_deleted); /* statement 204: reported for each key */
    ck_assert_str_eq(items[1].error.code, "PreconditionFailed");
    ck_assert(items[2].is_deleted);
    ck_assert(!items[3].is_deleted);
    ck_assert_str_eq(items[3].error.code, "NoSuchKey");
    ck_assert(items[4].is_deleted);
    expect_missing(store, bucket, text("a"));
    expect_missing(store, bucket, text("b"));
}

START_TEST(deletes_obey_conditions)
{
    with_new_store(delete_on_conditions, NULL);
}
END_TEST

/* ---- a reader keeps what it opened ---- */

enum { STREAMED_BYTES = 3 << 20 };

static void overwrite_under_reader(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    uint8_t *first = malloc(STREAMED_BYTES);
    uint8_t *other = malloc(STREAMED_BYTES);
    uint8_t *found = malloc(STREAMED_BYTES);
    fill_bytes(1, first, STREAMED_BYTES);
    put(store, bucket, text("k"), span_of(first, STREAMED_BYTES));
    struct error error;
    struct object_name name = name_of(bucket, text("k"));
    struct bucket_object *object;
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    enum { ROUNDS = 64 };
    for (unsigned round = 0; round < ROUNDS; round++) { /* enough to go through every free block several times */
        fill_bytes(2 + round, other, STREAMED_BYTES);
        put(store, bucket, text("k"), span_of(other, STREAMED_BYTES));
        if (round % 5 == 4)
            ck_assert(try_delete(store, bucket, text("k"), &error));
        size_t part = STREAMED_BYTES / ROUNDS;
        ck_assert(bucket_read(object, round * part, found + round * part, part, &error));
    }
    ck_assert_mem_eq(found, first, STREAMED_BYTES); /* statement 154 */
    bucket_close(object);
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    /* 64 times 3 MiB went in; what was freed was used again, and the pinned 3 MiB were the only ones held */
    ck_assert_uint_le(usage.volume_bytes, 48 << 20);
    free(first);
    free(other);
    free(found);
}

START_TEST(a_reader_keeps_the_old_bytes)
{
    with_new_store(overwrite_under_reader, NULL);
}
END_TEST

/* ---- one process ---- */

/* ---- more copies at once than there are buffers ---- */

enum { COPIES = 200, COPIED_BYTES = 700000 };

static void copy_one(unsigned index, void *argument)
{
    struct bucket_store *store = argument;
    struct error error;
    struct object_name source = name_of(bucket, text("source"));
    struct bucket_object *object;
    char key[32];
    (void)snprintf(key, sizeof key, "copy-%u", index);
    struct object_name target = name_of(bucket, text(key));
    ck_assert(bucket_open(store, &source, NULL, &object, &error));
    struct object_attributes attributes = object->attributes;
    struct object_attributes stored;
    bool copied = bucket_copy(object, &target, &(struct write_result){.attributes = &attributes}, &stored, &error);
    ck_assert_msg(copied, "%s", copied ? "" : error.message);
    bucket_close(object);
}

static void copy_at_once(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    uint8_t *body = malloc(COPIED_BYTES);
    fill_bytes(5, body, COPIED_BYTES);
    create_bucket(store, bucket);
    put(store, bucket, text("source"), span_of(body, COPIED_BYTES));
    run_fibers(COPIES, copy_one, store);
    for (unsigned i = 0; i < COPIES; i += 13) {
        char key[32];
        (void)snprintf(key, sizeof key, "copy-%u", i);
        expect_body(store, bucket, text(key), span_of(body, COPIED_BYTES));
    }
    free(body);
}

START_TEST(copies_do_not_wait_for_each_other)
{
    with_new_store(copy_at_once, NULL);
}
END_TEST

START_TEST(a_second_opening_is_refused_by_name)
{
    char path[64];
    folder_make(path);
    struct bucket_store *store = open_store(path, NULL);
    struct error error;
    struct embedded_options options = {.shards = 1, .catalogue_max_bytes = 1 << 30};
    ck_assert_ptr_null(embedded_open(path, &options, &error));
    char pid[32];
    (void)snprintf(pid, sizeof pid, "process %d", (int)getpid());
    ck_assert_ptr_nonnull(strstr(error.message, pid));
    embedded_close(store);
    store = open_store(path, NULL);
    embedded_close(store);
    folder_remove(path);
}
END_TEST

START_TEST(a_foreign_or_newer_folder_is_refused)
{
    char path[64];
    char file[128];
    folder_make(path);
    (void)snprintf(file, sizeof file, "%s/letter.txt", path);
    FILE *letter = fopen(file, "w");
    ck_assert_ptr_nonnull(letter);
    ck_assert_int_eq(fclose(letter), 0);
    struct error error;
    struct embedded_options options = {.shards = 1, .catalogue_max_bytes = 1 << 30};
    ck_assert_ptr_null(embedded_open(path, &options, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "letter.txt"));
    ck_assert_int_eq(unlink(file), 0);

    embedded_close(open_store(path, NULL));
    (void)snprintf(file, sizeof file, "%s/FORMAT", path);
    FILE *format = fopen(file, "w");
    ck_assert_ptr_nonnull(format);
    (void)fputs("bale store 4\nuuid 00112233445566778899aabbccddeeff\n", format);
    ck_assert_int_eq(fclose(format), 0);
    ck_assert_ptr_null(embedded_open(path, &options, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded store");
    TCase *tests = tcase_create("store");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bodies_come_back);
    tcase_add_test(tests, attributes_come_back);
    tcase_add_test(tests, buckets_are_made_and_removed);
    tcase_add_test(tests, buckets_are_looked_up_again);
    tcase_add_test(tests, a_known_body_is_not_fetched);
    tcase_add_test(tests, a_write_does_not_outlive_its_bucket);
    tcase_add_test(tests, one_of_64_writers_wins);
    tcase_add_test(tests, no_update_is_lost);
    tcase_add_test(tests, deletes_obey_conditions);
    tcase_add_test(tests, a_reader_keeps_the_old_bytes);
    tcase_add_test(tests, copies_do_not_wait_for_each_other);
    tcase_add_test(tests, a_second_opening_is_refused_by_name);
    tcase_add_test(tests, a_foreign_or_newer_folder_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
