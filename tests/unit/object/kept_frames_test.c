/* tests/unit/object/kept_frames_test.c -- frames that the reader keeps: which reads go without the store, which must
 * not, and that what was written anew, damaged or closed meanwhile is never served from them. */
#include "s3client/wire/s3_error.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

static struct memory_store store;
static struct object_codecs *codecs;

static void begin(void)
{
    struct object_settings settings = ordinary_settings();
    settings.frame_cache_bytes = 16 * MIB;
    memory_store_init(&store);
    store.recalls_bodies = true;
    codecs = object_codecs_create(&settings);
}

static void end(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

static uint64_t hits(void)
{
    return metric_read(&codecs->counters.frame_cache.hits);
}

static uint64_t misses(void)
{
    return metric_read(&codecs->counters.frame_cache.misses);
}

/* A small object is decoded twice; from then on it is opened without its body, any range of it, until it is written
 * anew. */
static void small_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(8192);
    begin();
    store.whole_body_max = SIZE_MAX;
    must_upload(codecs, &store, "key", span_of(text, 4096));
    for (unsigned turn = 0; turn < 4; turn++) {
        must_download(codecs, &store, "key", span_of(text, 4096), 0, 4096);
        ck_assert_uint_eq(store.recalled, turn < 2 ? 0 : turn - 1);
    }
    must_download(codecs, &store, "key", span_of(text, 4096), 100, 1000);
    must_download(codecs, &store, "key", span_of(text, 4096), 4095, 1);
    ck_assert_uint_eq(store.recalled, 4);
    must_download(codecs, &store, "key", span_of(text, 4096), 7, 0);
    ck_assert_uint_eq(store.recalled, 4);

    must_upload(codecs, &store, "key", span_of(text + 1, 4096));
    must_download(codecs, &store, "key", span_of(text + 1, 4096), 0, 4096);
    ck_assert_uint_eq(store.recalled, 4);
    end();
    free(text);
}

/* One frame is decoded; its neighbours need neither store nor codec, and what goes beyond it does. */
static void neighbour_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(4 * MIB);
    struct span body = span_of(text, 3 * MIB + 500);
    begin();
    must_upload(codecs, &store, "key", body);
    must_download(codecs, &store, "key", body, MIB + 1000, 10);
    ck_assert(misses() == 1 && hits() == 0);
    unsigned reads = store.reads;
    for (size_t at = 0; at < MIB; at += 10007)
        must_download(codecs, &store, "key", body, MIB + at, at + 1000 <= MIB ? 1000 : MIB - at);
    ck_assert(misses() == 1 && hits() == 105 && store.reads == reads);
    must_download(codecs, &store, "key", body, 2 * MIB - 1, 2); /* the next frame is another one */
    ck_assert(misses() == 2 && hits() == 106 && store.reads > reads);
    must_download(codecs, &store, "key", body, MIB, 2 * MIB); /* both are there */
    ck_assert(misses() == 2 && hits() == 108);
    must_download(codecs, &store, "key", body, 0, body.size); /* 0 and 3 are only noted ... */
    must_download(codecs, &store, "key", body, 0, body.size); /* ... and come in */
    ck_assert(misses() == 6 && hits() == 112);
    reads = store.reads;
    must_download(codecs, &store, "key", body, 0, body.size);
    ck_assert(misses() == 6 && hits() == 116);
    must_download(codecs, &store, "key", body, 3 * MIB, 500);
    ck_assert(misses() == 6 && hits() == 117);
    end();
    free(text);
}

/* What is kept was right when it was decoded; what is not is found damaged as ever. */
static void damaged_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(2 * MIB);
    struct span body = span_of(text, 2 * MIB);
    struct error error;
    uint64_t done;
    begin();
    must_upload(codecs, &store, "key", body);
    must_download(codecs, &store, "key", body, 5, 10);
    struct buffer *stored = &memory_store_find(&store, "key")->body;
    stored->data[stored->size / 4] ^= 1;
    stored->data[stored->size * 3 / 4] ^= 1;
    must_download(codecs, &store, "key", body, 500, 1000);
    for (unsigned times = 0; times < 3; times++)
        ck_assert(!download_range(codecs, &store, "key", body, MIB + 500, 1000, &done, &error));
    ck_assert_uint_eq(metric_read(&codecs->counters.frames_damaged), 3);
    ck_assert_uint_eq(misses(), 1); /* nothing that is wrong was offered */
    end();
    free(text);
}

/* The bytes that were announced are there, others are wanted: it is to be opened anew, and then has its body. */
static void other_range_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    struct span body = span_of(text, 3 * MIB);
    struct object_name name = name_of("key");
    struct open_intent intent = {.extent = OPEN_RANGE, .first = 5, .size = 10};
    struct bucket_object *object;
    struct object_reader *reader;
    struct error error;
    begin();
    must_upload(codecs, &store, "key", body);
    must_download(codecs, &store, "key", body, 5, 10);
    static const uint64_t wanted[][2] = {{0, 3 * MIB}, {MIB - 1, 2}, {MIB, 1}, {2 * MIB, MIB}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        intent.is_again = false;
        ck_assert(object_open(codecs, &store.store, &name, &intent, &object, &error));
        ck_assert_ptr_nonnull(object->recalled);
        ck_assert(!object_reader_begin(codecs, object, &name, NULL, wanted[i][0], wanted[i][1], &reader, &error));
        ck_assert(error.kind == ERROR_CHANGED && strcmp(error.code, S3_SlowDown) == 0);
        object_close(object);
        intent.is_again = true;
        ck_assert(object_open(codecs, &store.store, &name, &intent, &object, &error));
        ck_assert_ptr_null(object->recalled);
        ck_assert(object_reader_begin(codecs, object, &name, NULL, wanted[i][0], wanted[i][1], &reader, &error));
        object_reader_end(reader);
        object_close(object);
    }
    end();
    free(text);
}

/* What an answer is of cannot be told where labels slip: nothing of it is kept. */
static void slipping_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(MIB);
    begin();
    store.store.capabilities.labels_slip = true;
    must_upload(codecs, &store, "key", span_of(text, MIB));
    for (unsigned times = 0; times < 3; times++)
        must_download(codecs, &store, "key", span_of(text, MIB), 5, 10);
    ck_assert(store.recalled == 0 && hits() == 0 && metric_read(&codecs->counters.frame_cache.bytes) == 0);
    end();
    free(text);
}

/* Slow clients that hold frames: all of the cache and no more, and none waits for another. */
static void crowd_body(void *argument)
{
    (void)argument;
    enum { READERS = 40 };
    uint8_t *text = make_text(READERS * MIB);
    struct span body = span_of(text, READERS * MIB);
    struct object_name name = name_of("key");
    struct bucket_object *object;
    struct object_reader *readers[READERS];
    struct error error;
    unsigned begun = 0;
    begin();
    must_upload(codecs, &store, "key", body);
    const struct open_intent intent = {.extent = OPEN_WHOLE};
    ck_assert(object_open(codecs, &store.store, &name, &intent, &object, &error));
    while (begun < 28) { /* 15 in the cache, the others in frame buffers */
        struct span piece;
        ck_assert(object_reader_begin(codecs, object, &name, NULL, begun * MIB + 7, 100, &readers[begun], &error));
        object_reader_keep(readers[begun]);
        ck_assert(object_reader_next(readers[begun], &piece, &error));
        ck_assert(piece.size == 100 && memcmp(piece.data, text + begun * MIB + 7, 100) == 0);
        begun++;
    }
    ck_assert_uint_le(metric_read(&codecs->counters.frame_cache.bytes), 16 * MIB);
    ck_assert_uint_ge(metric_read(&codecs->counters.frame_cache.bytes), 15 * MIB);
    ck_assert_uint_gt(codecs->memory.used, 12 * MIB);
    while (begun > 0)
        object_reader_end(readers[--begun]);
    object_close(object);
    end();
    free(text);
}

LOOP_TEST(small_objects, small_body)
LOOP_TEST(neighbours, neighbour_body)
LOOP_TEST(damage_behind_them, damaged_body)
LOOP_TEST(another_range_than_announced, other_range_body)
LOOP_TEST(slipping_labels, slipping_body)
LOOP_TEST(slow_readers, crowd_body)

int main(void)
{
    Suite *suite = suite_create("kept frames");
    TCase *cases = tcase_create("kept frames");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, small_objects);
    tcase_add_test(cases, neighbours);
    tcase_add_test(cases, damage_behind_them);
    tcase_add_test(cases, another_range_than_announced);
    tcase_add_test(cases, slipping_labels);
    tcase_add_test(cases, slow_readers);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
