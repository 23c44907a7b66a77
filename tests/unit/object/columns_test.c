/* tests/unit/object/columns_test.c -- frames in columns on their way out: beside others, of any size, whole and in
 * ranges; damaged ones, and ones of a later time. */
#include "codec/columns/columns.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "codec/stock/compressor.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

static struct memory_store store;
static struct object_codecs *codecs;
static struct buffer body; /* stored */
static struct buffer original;

static void set_up(void)
{
    struct object_settings settings = ordinary_settings();
    settings.frame_buffers_max = 40;
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
    buffer_init(&body, 64 * MIB);
    buffer_init(&original, 64 * MIB);
}

static void tear_down(void)
{
    buffer_free(&body);
    buffer_free(&original);
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

/* ---- making bodies ---- */

static void append_frame(uint32_t codec, struct span payload, struct span bytes)
{
    uint8_t header[FRAME_HEADER_BYTES];
    frame_header_encode(&(struct frame_header){.codec = codec,
                                               .original_size = bytes.size,
                                               .payload_size = payload.size,
                                               .crc32c = crc32c_update(0, bytes)},
                        header);
    buffer_append(&body, span_of(header, sizeof header));
    buffer_append(&body, payload);
    buffer_append(&original, bytes);
}

static size_t pack(const struct columns_plan *plan, struct span bytes, uint8_t *payload, size_t capacity)
{
    struct columns_compress_job job = {.plan = plan,
                                       .compressor = compressor_create(),
                                       .level = 1,
                                       .original = bytes,
                                       .scratch = malloc(bytes.size),
                                       .payload = payload,
                                       .capacity = capacity};
    struct columns_compressor *columns = columns_compressor_create();
    columns_compress_begin(columns, &job);
    size_t size;
    while (columns_compress_step(columns, &size) == CODEC_MORE) {
    }
    ck_assert_uint_gt(size, 0);
    columns_compressor_destroy(columns);
    compressor_destroy(job.compressor);
    free(job.scratch);
    return size;
}

/* Records of u64 and u32, the former nearly counting; or noise, which gets longer in columns. */
static void append_columns(size_t size, bool is_noise)
{
    const struct columns_plan plan = {
        .stride = 12, .lead = 5, .runs_count = 2, .runs = {{8, COLUMNS_OP_DELTA2, 1, 0}, {4, COLUMNS_OP_NONE, 1, 0}}};
    uint8_t *bytes = is_noise ? make_noise(size) : calloc(1, size);
    if (!is_noise)
        for (size_t i = 0; plan.lead + (i + 1) * plan.stride <= size; i++) {
            store_u64_le(bytes + plan.lead + i * plan.stride, 1700000000 + i * 1000 + i % 7);
            store_u32_le(bytes + plan.lead + i * plan.stride + 8, (uint32_t)(i % 13 * i % 17));
        }
    size_t capacity = columns_payload_bytes_max(size);
    uint8_t *payload = malloc(capacity);
    size_t payload_size = pack(&plan, span_of(bytes, size), payload, capacity);
    append_frame(CODEC_COLUMNS, span_of(payload, payload_size), span_of(bytes, size));
    free(payload);
    free(bytes);
}

static void append_raw(size_t size)
{
    uint8_t *bytes = make_text(size);
    append_frame(CODEC_PASSTHROUGH, span_of(bytes, size), span_of(bytes, size));
    free(bytes);
}

static uint32_t object_codec = CODEC_ZSTD;

static void put(void)
{
    struct object_attributes attributes = {.original_size = original.size,
                                           .layout = LAYOUT_FRAMED,
                                           .codec = object_codec,
                                           .is_s4 = true,
                                           .is_size_known = true};
    memory_store_put(&store, "key", &attributes, buffer_span(&body), SPAN_EMPTY);
}

/* ---- reading ---- */

static void expect_readable(void)
{
    struct span all = buffer_span(&original);
    put();
    for (unsigned w = 0; w < 2; w++) {
        store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
        must_download(codecs, &store, "key", all, 0, all.size);
        must_download(codecs, &store, "key", all, 0, 1);
        must_download(codecs, &store, "key", all, all.size - 1, 1);
        must_download(codecs, &store, "key", all, all.size / 3, all.size / 3);
    }
}

static void expect_refused(enum error_kind kind, const char *code, const char *word)
{
    put();
    for (unsigned w = 0; w < 2; w++) {
        struct error error;
        uint64_t done;
        store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
        ck_assert(!download_range(codecs, &store, "key", buffer_span(&original), 0, original.size, &done, &error));
        ck_assert_msg(error.kind == kind, "%s", error.message);
        ck_assert_str_eq(error.code, code);
        ck_assert_msg(strstr(error.message, word) != NULL, "%s", error.message);
        ck_assert_uint_lt(done, original.size);
    }
}

static void read_frames_body(void *unused)
{
    (void)unused;
    set_up();
    append_columns(100, false);
    expect_readable();
    append_columns(FRAME_ORIGINAL_BYTES, false);
    append_raw(5000);
    append_columns(300000, false);
    expect_readable();
    append_columns(FRAME_ORIGINAL_BYTES, true); /* a payload longer than the frame: no slot has room for it */
    append_columns(FRAME_ORIGINAL_BYTES + 1, false);
    append_columns(FRAME_VERIFIED_BYTES_MAX, false);
    append_raw(10);
    expect_readable();
    tear_down();
}

START_TEST(frames_beside_others)
{
    run_on_loop(read_frames_body, NULL);
}
END_TEST

/* A bit anywhere in the payload: an error, and not a byte that is wrong (download_range compares them). */
static void read_damaged_body(void *unused)
{
    (void)unused;
    set_up();
    unsigned refused = 0;
    unsigned meaningless = 0;
    append_columns(2000, false);
    put();
    for (size_t i = FRAME_HEADER_BYTES; i < body.size; i += 3) {
        body.data[i] ^= 0x10;
        struct error error;
        uint64_t done;
        put();
        if (!download_range(codecs, &store, "key", buffer_span(&original), 0, original.size, &done, &error)) {
            ck_assert(error.kind == ERROR_DAMAGED || error.kind == ERROR_UNSUPPORTED);
            ck_assert_uint_eq(done, 0);
            refused++;
        } else {
            meaningless++; /* a bit of a zstd header that decides nothing here */
        }
        body.data[i] ^= 0x10;
    }
    ck_assert_uint_gt(refused, 20 * meaningless);
    expect_readable();
    tear_down();
}

START_TEST(damaged_frames)
{
    run_on_loop(read_damaged_body, NULL);
}
END_TEST

static void read_of_later_time_body(void *unused)
{
    (void)unused;
    set_up();
    append_columns(2000, false);
    body.data[FRAME_HEADER_BYTES] = 2; /* the version */
    expect_refused(ERROR_UNSUPPORTED, S3_NotImplemented, "version 2");
    tear_down();
}

START_TEST(frames_of_a_later_version)
{
    run_on_loop(read_of_later_time_body, NULL);
}
END_TEST

static void read_impossible_body(void *unused)
{
    (void)unused;
    set_up();
    uint8_t *bytes = make_noise(FRAME_VERIFIED_BYTES_MAX + 1);
    append_frame(CODEC_COLUMNS, span_of(bytes, 1000), span_of(bytes, FRAME_VERIFIED_BYTES_MAX + 1));
    expect_refused(ERROR_DAMAGED, S3_InternalError, "at most");
    body.size = original.size = 0;
    append_frame(CODEC_COLUMNS, span_of(bytes, 5000), span_of(bytes, 100));
    expect_refused(ERROR_DAMAGED, S3_InternalError, "too many");
    body.size = original.size = 0;
    append_columns(2000, false);
    object_codec = CODEC_GZIP;
    expect_refused(ERROR_DAMAGED, S3_InternalError, "inside an object of codec 7");
    object_codec = CODEC_ZSTD;
    expect_readable();
    free(bytes);
    tear_down();
}

START_TEST(frames_that_cannot_be)
{
    run_on_loop(read_impossible_body, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("object_columns");
    TCase *tests = tcase_create("object_columns");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, frames_beside_others);
    tcase_add_test(tests, damaged_frames);
    tcase_add_test(tests, frames_of_a_later_version);
    tcase_add_test(tests, frames_that_cannot_be);
    return run_suite(suite);
}
