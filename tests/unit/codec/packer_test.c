/* tests/unit/codec/packer_test.c -- ratios that are promised, over all data sets: frame after frame, decoded again. */
#include "bench/data/data_sets.h"
#include "codec/choice/packer.h"
#include "codec/decompressor.h"
#include "tests/unit/run_suite.h"

#include <stdlib.h>

enum { FRAMES_MAX = 4, BODY_BYTES_MAX = FRAMES_MAX << 20 };

static uint8_t body[BODY_BYTES_MAX];
static uint8_t decoded[FRAME_ORIGINAL_BYTES];
static uint8_t scratch[FRAME_ORIGINAL_BYTES];
static struct packer *packer;
static struct decompressor *decompressor;
static struct columns_decompressor *columns;
static unsigned frames_in_columns;

static void set_up(void)
{
    packer = packer_create();
    decompressor = decompressor_create();
    columns = columns_decompressor_create();
    ck_assert(packer != NULL && decompressor != NULL && columns != NULL);
}

static void tear_down(void)
{
    packer_destroy(packer);
    decompressor_destroy(decompressor);
    columns_decompressor_destroy(columns);
}

static void decode(const struct encoded *packed, size_t size)
{
    struct error error;
    struct span payload = span_of(packed->payload, packed->size);
    if (packed->codec != CODEC_COLUMNS) {
        ck_assert(decompressor_run(decompressor, packed->codec, payload, decoded, size, &error));
        return;
    }
    enum codec_step step = CODEC_MORE;
    const struct columns_decompress_job job = {
        .payload = payload,
        .scratch = scratch,
        .original = decoded,
        .original_size = size,
    };
    ck_assert(columns_decompress_begin(columns, &job, &error));
    while (step == CODEC_MORE)
        step = columns_decompress_step(columns, &error);
    ck_assert_int_eq(step, CODEC_DONE);
    frames_in_columns++;
}

/* What the frame takes, which is decoded and compared. */
static size_t pack_frame(struct span frame, int level, struct columns_guide *guide)
{
    struct encoded packed = {.codec = CODEC_PASSTHROUGH, .size = frame.size};
    struct packer_job job = {
        .frame = {.original = frame, .capacity = frame.size - 1, .level = level, .look = noise_look(frame)},
        .guide = guide,
    };
    if (guide != NULL)
        job.advice = columns_guide_ask(guide, frame);
    if (packer_is_worth_it(job.frame.look, &job.advice)) {
        enum codec_step step = CODEC_MORE;
        packer_begin(packer, &job);
        while (step == CODEC_MORE)
            step = packer_step(packer, &packed);
        ck_assert_int_eq(step, CODEC_DONE);
    } else if (guide != NULL) {
        columns_guide_end_frame(guide, frame.size, frame.size, false, false);
    }
    if (packed.codec != CODEC_PASSTHROUGH) {
        ck_assert_uint_lt(packed.size, frame.size);
        decode(&packed, frame.size);
        ck_assert_mem_eq(decoded, frame.data, frame.size);
    }
    return packed.size;
}

static size_t pack_body(struct span bytes, size_t frame_size, int level, struct columns_guide *guide)
{
    size_t sum = 0;
    for (size_t at = 0; at < bytes.size; at += frame_size)
        sum += pack_frame(span_take(span_skip(bytes, at), frame_size), level, guide);
    return sum;
}

static double ratio_of(const char *name, size_t size)
{
    struct columns_guide guide;
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    data_set_fill(data_set_find(name), body, size);
    return (double)size / (double)pack_body(span_of(body, size), FRAME_ORIGINAL_BYTES, 1, &guide);
}

START_TEST(promised_ratios)
{
    static const struct {
        const char *name;
        double least;
    } promises[] = {
        {"postings", 1000},    {"timestamps", 100},   {"doc-values", 2.2},    {"parquet-like", 200},
        {"nginx", 500},        {"gaps", 14},          {"posting-lists", 4.5}, {"event-times", 5.5},
        {"sample-times", 14},  {"uniform-i64", 1.59}, {"zipf-i64", 6.5},      {"lognormal-i64", 4.5},
        {"decimal-f32", 10},   {"decimal-f64", 15},   {"smooth-f64", 1.45},   {"weights-f32", 1.18},
        {"weights-bf16", 1.4}, {"weights-f16", 1.15}, {"sound", 1.55},        {"picture", 2.2},
        {"elevation", 5},      {"records", 3.8},      {"points", 1.7},        {"csv", 12},
        {"dna", 3.5},          {"hex", 1.95},         {"base64", 1.3},
    };
    for (size_t i = 0; i < sizeof promises / sizeof promises[0]; i++) {
        double ratio = ratio_of(promises[i].name, BODY_BYTES_MAX);
        ck_assert_msg(ratio >= promises[i].least, "%s: %.3f, promised are %.3f", promises[i].name, ratio,
                      promises[i].least);
    }
}
END_TEST

/* In frames of all sizes, at several levels, with a tail: never more than 1 % above zstd alone. */
START_TEST(never_larger_than_plain)
{
    static const size_t frame_sizes[] = {5000, 16384, 100003, FRAME_ORIGINAL_BYTES};
    static const int levels[] = {1, 3, 6};
    for (unsigned i = 0; data_set_at(i) != NULL; i++)
        for (unsigned k = 0; k < sizeof frame_sizes / sizeof frame_sizes[0]; k++) {
            size_t size = frame_sizes[k] * 3 / 2;
            struct columns_guide guide;
            columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
            data_set_fill(data_set_at(i), body, size);
            size_t plain = pack_body(span_of(body, size), frame_sizes[k], levels[(i + k) % 3], NULL);
            size_t packed = pack_body(span_of(body, size), frame_sizes[k], levels[(i + k) % 3], &guide);
            ck_assert_msg(packed <= plain + plain / 100, "%s in frames of %zu: %zu, plain %zu", data_set_at(i)->name,
                          frame_sizes[k], packed, plain);
        }
}
END_TEST

/* What comes behind one another in an archive. */
START_TEST(follows_what_changes)
{
    static const char *const names[] = {"records", "json", "gaps", "noise", "sound", "logs", "points", "weights-bf16"};
    enum { PIECE = 700000 };
    size_t size = 0;
    for (; size + PIECE <= sizeof body; size += PIECE)
        data_set_fill(data_set_find(names[size / PIECE % 8]), body + size, PIECE);
    struct columns_guide guide;
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    size_t plain = pack_body(span_of(body, size), 131072, 1, NULL);
    size_t packed = pack_body(span_of(body, size), 131072, 1, &guide);
    ck_assert_uint_le(packed, plain + plain / 100);
    ck_assert_uint_gt(frames_in_columns, 0);
}
END_TEST

START_TEST(without_a_guide_there_are_no_columns)
{
    data_set_fill(data_set_find("gaps"), body, FRAME_ORIGINAL_BYTES);
    unsigned before = frames_in_columns;
    (void)pack_frame(span_of(body, FRAME_ORIGINAL_BYTES), 1, NULL);
    ck_assert_uint_eq(frames_in_columns, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packer");
    TCase *tests = tcase_create("packer");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, promised_ratios);
    tcase_add_test(tests, never_larger_than_plain);
    tcase_add_test(tests, follows_what_changes);
    tcase_add_test(tests, without_a_guide_there_are_no_columns);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
