/* tests/unit/object/damage_test.c -- statement 340: damaged or shortened bodies are errors, never wrong or missing
 * bytes.
 *
 * download_range fails the test by itself when a byte that was handed out is wrong. */
#include "codec/codec.h"
#include "s3client/wire/s3_error.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

static struct memory_store store;
static struct object_codecs *codecs;
static struct refusals {
    unsigned damaged;
    unsigned unsupported;
} refusals;

static void set_up(void)
{
    struct object_settings settings = ordinary_settings();
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
}

static void tear_down(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

/* A codec id has no checksum: with another bit it is one that is not known, which is no damage to a reader. */
static void expect_refusal(const struct error *error)
{
    bool is_damaged = error->kind == ERROR_DAMAGED;
    ck_assert(is_damaged || error->kind == ERROR_UNSUPPORTED);
    ck_assert_str_eq(error->code, is_damaged ? S3_InternalError : S3_NotImplemented);
    refusals.damaged += is_damaged;
    refusals.unsupported += !is_damaged;
}

/* Reads the whole and the last byte: both must be right or fail. Returns whether the whole came. */
static bool read_all(struct span body)
{
    struct error error = {0};
    uint64_t done;
    if (body.size > 0 && !download_range(codecs, &store, "key", body, body.size - 1, 1, &done, &error))
        expect_refusal(&error);
    bool works = download_range(codecs, &store, "key", body, 0, body.size, &done, &error);
    if (works) {
        ck_assert_uint_eq(done, body.size);
    } else {
        expect_refusal(&error);
        ck_assert_uint_lt(done, body.size);
    }
    return works;
}

static void flip_bits(struct span body, size_t step)
{
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    unsigned noticed = 0;
    unsigned flips = 0;
    uint64_t damaged_before = metric_read(&object_codecs_counters(codecs)->frames_damaged);
    refusals = (struct refusals){0};
    for (size_t i = 0; i < object->body.size; i += i < 64 ? 1 : step, flips++) {
        uint8_t before = object->body.data[i];
        object->body.data[i] ^= (uint8_t)(1U << i % 8);
        for (unsigned w = 0; w < 2; w++) {
            store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
            noticed += !read_all(body);
        }
        object->body.data[i] = before;
    }
    /* A bit of no meaning may be flipped without harm (an unused field of a zstd header), but hardly more. */
    ck_assert_uint_ge(noticed + 8, 2 * flips);
    ck_assert_uint_eq(metric_read(&object_codecs_counters(codecs)->frames_damaged) - damaged_before, refusals.damaged);
    ck_assert_uint_le(refusals.unsupported, 4 * 4); /* four bytes of the first header, two reads in two ways */
    ck_assert(read_all(body));
}

static void flips_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    uint8_t *noise = make_noise(3 * MIB);
    set_up();
    flip_bits(span_of(text, 3000), 7);                   /* one frame */
    flip_bits(span_of(text, 2 * MIB + 500000), 20011);   /* three */
    flip_bits(span_of(noise, 2 * MIB + 500000), 100003); /* three that did not shrink */
    tear_down();
    free(text);
    free(noise);
}

/* Unframed: whatever part is read, all of it is verified. */
static void flip_raw(struct span body, size_t step)
{
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    const struct {
        uint64_t first, size;
    } ranges[] = {{0, body.size}, {0, 10}, {body.size / 3, body.size / 2}, {body.size - 1, 1}};
    ck_assert_int_eq(object->attributes.layout, LAYOUT_RAW);
    for (size_t i = 0; i < 8 * body.size; i += step) {
        object->body.data[i / 8] ^= (uint8_t)(1U << i % 8);
        for (unsigned k = 0; k < 8; k++) {
            struct error error;
            uint64_t done;
            store.whole_body_max = k % 2 == 0 ? 0 : SIZE_MAX;
            ck_assert(
                !download_range(codecs, &store, "key", body, ranges[k / 2].first, ranges[k / 2].size, &done, &error));
            ck_assert_int_eq(error.kind, ERROR_DAMAGED);
            ck_assert_uint_eq(done, 0);
        }
        object->body.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    ck_assert(read_all(body));
}

static void raw_body(void *argument)
{
    (void)argument;
    uint8_t *noise = make_noise(MIB);
    set_up();
    flip_raw(span_of(noise, 5000), 97);
    flip_raw(span_of(noise, MIB), 800011);
    tear_down();
    free(noise);
}

/* The stored body ends too early: in a header, in a payload, between two frames; and the store says so, or not. */
static void cuts_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    set_up();
    struct span body = span_of(text, 2 * MIB + 500000);
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    size_t whole = object->body.size;
    for (size_t size = 0; size < whole; size += size < 64 || size + 64 > whole ? 1 : 9973) {
        object->body.size = size;
        object->attributes.stored_size = size;
        for (unsigned w = 0; w < 2; w++) {
            store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
            ck_assert(!read_all(body));
        }
    }
    object->body.size = whole;
    object->attributes.stored_size = whole;
    ck_assert(read_all(body));

    /* frames that hold more than the object */
    object->attributes.original_size -= 1;
    ck_assert(!read_all(span_take(body, body.size - 1)));
    tear_down();
    free(text);
}

START_TEST(flipped_bits)
{
    run_on_loop(flips_body, NULL);
}
END_TEST

START_TEST(unframed)
{
    run_on_loop(raw_body, NULL);
}
END_TEST

START_TEST(cut_short)
{
    run_on_loop(cuts_body, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damage");
    TCase *tests = tcase_create("damage");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, flipped_bits);
    tcase_add_test(tests, unframed);
    tcase_add_test(tests, cut_short);
    return run_suite(suite);
}
