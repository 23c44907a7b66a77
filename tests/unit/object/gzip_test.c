/* tests/unit/object/gzip_test.c -- bodies that are stored as one gzip member. */
#include "codec/codec.h"
#include "codec/stock/gzip.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdio.h>
#include <stdlib.h>

static struct memory_store store;
static struct object_codecs *codecs;

static void set_up(int level, unsigned frame_buffers)
{
    struct object_settings settings = ordinary_settings();
    settings.codec = OBJECT_CODEC_GZIP;
    settings.gzip_level = level;
    settings.frame_buffers_max = frame_buffers;
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
}

static void tear_down(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    ck_assert_uint_eq(pool_in_use(codecs->gzip_slots), 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

/* S4's head, to the byte. */
static const uint8_t head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};

static void store_and_read(struct span body, bool is_size_known, size_t arrival, bool shrinks)
{
    struct upload upload = {.key = "key", .body = body, .is_size_known = is_size_known, .arrival = arrival};
    struct object_digest digest;
    struct error error;
    ck_assert(upload_body(codecs, &store, &upload, &digest, &error));
    struct memory_object *object = memory_store_find(&store, "key");
    const struct object_attributes *attributes = &object->attributes;
    ck_assert_uint_eq(attributes->codec, shrinks ? CODEC_GZIP : CODEC_PASSTHROUGH);
    ck_assert_int_eq(attributes->layout, shrinks ? LAYOUT_CODEC : LAYOUT_RAW);
    ck_assert(attributes->has_crc32c && attributes->is_s4);
    ck_assert_uint_eq(attributes->stored_size, object->body.size);
    ck_assert_uint_eq(attributes->sidecar_size, 0);
    if (shrinks) {
        ck_assert_uint_lt(attributes->stored_size, body.size);
        ck_assert_mem_eq(object->body.data, head, sizeof head);
    } else {
        ck_assert_uint_eq(attributes->stored_size, body.size);
    }
    for (unsigned w = 0; w < 2; w++) {
        store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
        must_download(codecs, &store, "key", body, 0, body.size);
        must_download(codecs, &store, "key", body, body.size / 2, body.size / 3);
    }
}

static void sizes_body(void *argument)
{
    int level = (int)(uintptr_t)argument;
    static const size_t sizes[] = {300, 4096, 65536, 65537, 400000, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 12345};
    static const size_t arrivals[] = {0, 100001, 1460};
    uint8_t *text = make_text(4 * MIB);
    uint8_t *noise = make_noise(4 * MIB);
    set_up(level, 16);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned k = 0; k < 6; k++) {
            store_and_read(span_of(text, sizes[i]), k < 3, arrivals[k % 3], true);
            store_and_read(span_of(noise, sizes[i]), k < 3, arrivals[k % 3], false);
        }
    store_and_read(SPAN("x"), true, 0, false);
    store_and_read(SPAN_EMPTY, true, 0, false);
    store_and_read(SPAN_EMPTY, false, 0, false);
    tear_down();
    free(text);
    free(noise);
}

/* What begins well may go on as it likes: noise behind text grows by no more than is said. */
static void mixed_body(void *argument)
{
    (void)argument;
    enum { SIZE = 6 << 20 };
    uint8_t *bytes = make_noise(SIZE);
    uint8_t *text = make_text(MIB);
    memcpy(bytes, text, MIB);
    for (int level = GZIP_LEVEL_LEAST; level <= GZIP_LEVEL_MOST; level++) {
        set_up(level, 16);
        store_and_read(span_of(bytes, SIZE), true, 0, true);
        size_t of_noise = memory_store_find(&store, "key")->attributes.stored_size;
        ck_assert_uint_le(of_noise, MIB / 3 + GZIP_MEMBER_BYTES_MAX(5 * MIB));
        tear_down();
    }
    free(bytes);
    free(text);
}

/* Nothing is put behind one stream: where a store needs frames, it gets them; parts are frames in any case. */
static void frames_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(4 * MIB);
    set_up(1, 16);
    store.store.capabilities.needs_frames_beyond = 2 * MIB;
    ck_assert_uint_eq(must_upload(codecs, &store, "key", span_of(text, MIB))->attributes.codec, CODEC_GZIP);
    const struct object_attributes *large = &must_upload(codecs, &store, "key", span_of(text, 2 * MIB))->attributes;
    ck_assert_int_eq(large->layout, LAYOUT_FRAMED);
    struct upload unknown = {.key = "key", .body = span_of(text, MIB)};
    struct object_digest digest;
    struct error error;
    ck_assert(upload_body(codecs, &store, &unknown, &digest, &error));
    ck_assert_int_eq(memory_store_find(&store, "key")->attributes.layout, LAYOUT_FRAMED);
    tear_down();
    free(text);
}

/* Many at once, with memory for two: each has its turn. A store that is full ends one in the middle. */
enum { CLIENTS = 12 };
static struct crowd {
    struct span body;
    unsigned finished;
    unsigned failed;
} crowd;

static void client(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;
    char key[16];
    (void)snprintf(key, sizeof key, "key-%u", number);
    struct span body = number % 3 == 0 ? span_take(crowd.body, 5000) : crowd.body;
    struct upload upload = {.key = key, .body = body, .is_size_known = number % 2 == 0, .arrival = 50000};
    struct object_digest digest;
    struct error error;
    bool works = upload_body(codecs, &store, &upload, &digest, &error);
    if (works)
        must_download(codecs, &store, key, body, 0, body.size);
    crowd.failed += !works;
    crowd.finished++;
}

static void crowd_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(4 * MIB);
    set_up(1, 2);
    crowd = (struct crowd){.body = span_of(text, 3 * MIB + 999)};
    for (unsigned i = 0; i < CLIENTS; i++)
        spawn("client", client, (void *)(uintptr_t)i);
    while (crowd.finished < CLIENTS)
        fiber_yield();
    ck_assert_uint_eq(crowd.failed, 0);
    tear_down();
    free(text);
}

static void full_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(6 * MIB);
    set_up(1, 4);
    store.writes_until_full = 2;
    struct upload upload = {.key = "key", .body = span_of(text, 6 * MIB), .is_size_known = true};
    struct object_digest digest;
    struct error error;
    ck_assert(!upload_body(codecs, &store, &upload, &digest, &error));
    ck_assert_int_eq(error.kind, ERROR_FULL);
    tear_down();
    free(text);
}

START_TEST(every_size)
{
    run_on_loop(sizes_body, (void *)(uintptr_t)_i);
}
END_TEST

LOOP_TEST(noise_behind_text, mixed_body)
LOOP_TEST(frames_where_they_are_needed, frames_body)
LOOP_TEST(many_at_once, crowd_body)
LOOP_TEST(full_store, full_body)

int main(void)
{
    Suite *suite = suite_create("gzip");
    TCase *tests = tcase_create("gzip");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, every_size, GZIP_LEVEL_LEAST, GZIP_LEVEL_MOST + 1);
    tcase_add_test(tests, noise_behind_text);
    tcase_add_test(tests, frames_where_they_are_needed);
    tcase_add_test(tests, many_at_once);
    tcase_add_test(tests, full_store);
    return run_suite(suite);
}
