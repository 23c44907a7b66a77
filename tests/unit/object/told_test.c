/* tests/unit/object/told_test.c -- what the pipelines tell a store: what will be read, and frames where it needs them.
 */
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

static struct memory_store store;
static struct object_codecs *codecs;

static void set_up(const struct object_settings *settings)
{
    memory_store_init(&store);
    codecs = object_codecs_create(settings);
}

static void tear_down(void)
{
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

/* The memory store fails the test when something else is read than was said. */
static void windows_body(void *argument)
{
    (void)argument;
    enum { FRAMES = 8, SIZE = FRAMES << 20 };
    static const uint64_t marks[] = {0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 5, 7 * MIB, SIZE - 1, SIZE};
    uint8_t *text = make_text(SIZE);
    uint8_t *noise = make_noise(SIZE);
    static const int settings_codecs[] = {OBJECT_CODEC_AUTO, OBJECT_CODEC_AUTO, OBJECT_CODEC_NONE};
    for (unsigned kind = 0; kind < 3; kind++) {
        struct object_settings settings = ordinary_settings();
        settings.codec = settings_codecs[kind];
        set_up(&settings);
        memory_store_want_windows(&store);
        struct span body = span_of(kind == 0 ? text : noise, SIZE);
        struct memory_object *object = must_upload(codecs, &store, "key", body);
        uint64_t frame_bytes_max = object->attributes.stored_size / FRAMES * 5 / 4;
        for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++)
            for (unsigned k = i; k < sizeof marks / sizeof marks[0]; k++)
                must_download(codecs, &store, "key", body, marks[i], marks[k] - marks[i]);
        /* a small range anywhere, at the beginning too, is one frame and no more */
        for (unsigned frame = 0; frame < FRAMES; frame++) {
            store.windows = 0;
            store.window_bytes = 0;
            must_download(codecs, &store, "key", body, frame * MIB + 1000, 1);
            ck_assert_uint_eq(store.windows, 1);
            ck_assert_uint_le(store.window_bytes, kind == 2 ? 1 : frame_bytes_max);
        }
        tear_down();
    }
    free(text);
    free(noise);
}

/* An index that lies is not followed, and the window is said anew. */
static void lying_index_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    memory_store_want_windows(&store);
    struct span body = span_of(text, 3 * MIB);
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    for (size_t i = 0; i < object->sidecar.size; i++) {
        object->sidecar.data[i] ^= 1;
        must_download(codecs, &store, "key", body, 2 * MIB + 5, 10);
        object->sidecar.data[i] ^= 0x81;
        must_download(codecs, &store, "key", body, MIB - 5, 10);
        object->sidecar.data[i] ^= 0x80;
    }
    tear_down();
    free(text);
}

static enum object_layout layout_of(struct span body, bool is_size_known)
{
    struct upload upload = {.key = "key", .body = body, .is_size_known = is_size_known};
    struct object_digest digest;
    struct error error;
    ck_assert(upload_body(codecs, &store, &upload, &digest, &error));
    must_download(codecs, &store, "key", body, 0, body.size);
    return memory_store_find(&store, "key")->attributes.layout;
}

/* Where a store needs frames for what is long, uncompressed bodies that may be that long have them. */
static void needed_frames_body(void *argument)
{
    (void)argument;
    uint8_t *noise = make_noise(3 * MIB + 1);
    struct object_settings settings = ordinary_settings();
    settings.codec = OBJECT_CODEC_NONE;
    set_up(&settings);
    struct span longer = span_of(noise, 3 * MIB + 1);
    struct span just_fits = span_of(noise, 3 * MIB);
    ck_assert_int_eq(layout_of(longer, true), LAYOUT_RAW);
    ck_assert_int_eq(layout_of(longer, false), LAYOUT_RAW);
    store.store.capabilities.needs_frames_beyond = 3 * MIB;
    ck_assert_int_eq(layout_of(just_fits, true), LAYOUT_RAW);
    ck_assert_int_eq(layout_of(longer, true), LAYOUT_FRAMED);
    ck_assert_int_eq(layout_of(just_fits, false), LAYOUT_FRAMED); /* nobody knows, when the first frame is stored */
    ck_assert_int_eq(layout_of(span_of(noise, MIB / 2), false), LAYOUT_RAW);
    tear_down();
    free(noise);
}

static void changed_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    struct span body = span_of(text, 3 * MIB);
    must_upload(codecs, &store, "key", body);
    uint64_t done;
    struct error error;
    store.reads_until_changed = 2;
    ck_assert(!download_range(codecs, &store, "key", body, 0, body.size, &done, &error));
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    ck_assert_uint_lt(done, body.size); /* and none of it wrong */
    ck_assert_uint_eq(metric_read(&object_codecs_counters(codecs)->frames_damaged), 0);
    tear_down();
    free(text);
}

LOOP_TEST(windows, windows_body)
LOOP_TEST(a_lying_index, lying_index_body)
LOOP_TEST(needed_frames, needed_frames_body)
LOOP_TEST(a_changed_object_is_no_damage, changed_body)

int main(void)
{
    Suite *suite = suite_create("what a store is told");
    TCase *tests = tcase_create("told");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, windows);
    tcase_add_test(tests, a_lying_index);
    tcase_add_test(tests, needed_frames);
    tcase_add_test(tests, a_changed_object_is_no_damage);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
