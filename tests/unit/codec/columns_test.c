/* tests/unit/codec/columns_test.c -- frames into columns and back, with any plan; and payloads that are wrong. */
#include "codec/columns/columns.h"
#include "codec/stock/compressor.h"
#include "codec/stock/zstd_flat.h"
#include "runtime/base/buffer.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

#include <stdlib.h>
#include <zstd.h>

static struct error error;
static struct compressor *compressor;
static struct columns_compressor *columns;
static struct columns_decompressor *back;

static uint64_t random_state = 7;

static uint64_t random_bits(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 32 ^ random_state << 17;
}

static uint64_t random_below(uint64_t bound)
{
    return random_bits() % bound;
}

/* ---- plans and data at random ---- */

static struct columns_run random_run(unsigned bytes_max)
{
    static const uint8_t widths[] = {1, 2, 4, 8};
    static const uint8_t ops[] = {COLUMNS_OP_NONE, COLUMNS_OP_DELTA, COLUMNS_OP_DELTA2, COLUMNS_OP_DECIMAL_DELTA,
                                  COLUMNS_OP_DECIMAL};
    struct columns_run run;
    do
        run.width = widths[random_below(4)];
    while (run.width > bytes_max);
    run.op = ops[random_below(run.width >= 4 ? 5 : 3)];
    unsigned repeat_max = bytes_max / run.width;
    run.repeat = (uint8_t)(1 + (random_below(2) == 0 ? 0 : random_below(repeat_max)));
    run.exponent = run.op >= COLUMNS_OP_DECIMAL_DELTA ? (uint8_t)random_below(4) : 0;
    return run;
}

static struct columns_plan random_plan(void)
{
    unsigned stride = 1 + (unsigned)random_below(random_below(4) == 0 ? 255 : 40);
    struct columns_plan plan = {.stride = (uint8_t)stride, .lead = (uint8_t)random_below(stride)};
    for (unsigned left = stride; left > 0;) {
        struct columns_run run = random_run(left);
        plan.runs[plan.runs_count++] = run;
        left -= run.width * run.repeat;
    }
    ck_assert(columns_plan_is_valid(&plan));
    return plan;
}

static void put_decimal(uint8_t *field, unsigned width, unsigned exponent, uint64_t number)
{
    static const double powers[] = {1, 10, 100, 1000};
    bool is_odd = random_below(100) == 0;
    double value = (double)(int64_t)number / (is_odd ? 7 : powers[exponent]);
    float rounded = (float)value;
    memcpy(field, width == 4 ? (const void *)&rounded : (const void *)&value, width);
}

/* Records after the plan: counters with noise, decimals with an odd one here and there. */
static void fill_records(const struct columns_plan *plan, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_bits();
    for (size_t record = 0; plan->lead + (record + 1) * plan->stride <= size; record++) {
        uint8_t *field = bytes + plan->lead + record * plan->stride;
        for (unsigned i = 0; i < plan->runs_count; i++)
            for (unsigned k = 0; k < plan->runs[i].repeat; k++) {
                const struct columns_run *run = &plan->runs[i];
                uint64_t number = record * (i + 3) + random_below(2 + 3 * k);
                if (run->op >= COLUMNS_OP_DECIMAL_DELTA)
                    put_decimal(field, run->width, run->exponent, number);
                else
                    memcpy(field, &number, run->width);
                field += run->width;
            }
    }
}

/* ---- there and back ---- */

/* Returns the payload's size, 0: given up. */
static size_t compress(const struct columns_plan *plan, int level, struct span original, uint8_t *payload,
                       size_t capacity)
{
    struct columns_compress_job job = {
        .plan = plan,
        .compressor = compressor,
        .level = level,
        .original = original,
        .scratch = malloc(original.size),
        .payload = payload,
        .capacity = capacity,
    };
    columns_compress_begin(columns, &job);
    size_t size;
    enum codec_step step;
    do
        step = columns_compress_step(columns, &size);
    while (step == CODEC_MORE);
    ck_assert_int_eq(step, CODEC_DONE);
    ck_assert_uint_le(size, capacity);
    free(job.scratch);
    return size;
}

/* Exact sizes, so that a sanitizer sees a byte too many. */
static bool decompress(struct span payload, uint8_t *ret_original, size_t original_size)
{
    struct columns_decompress_job job = {
        .payload = payload,
        .scratch = malloc(original_size),
        .original = ret_original,
        .original_size = original_size,
    };
    error.kind = ERROR_NONE;
    bool is_going = columns_decompress_begin(back, &job, &error);
    enum codec_step step = CODEC_MORE;
    while (is_going && step == CODEC_MORE)
        step = columns_decompress_step(back, &error);
    free(job.scratch);
    ck_assert_int_eq(step == CODEC_DONE, error.kind == ERROR_NONE);
    return step == CODEC_DONE;
}

static void check_way_back(struct span payload, struct span original)
{
    uint8_t *exact = malloc(payload.size);
    uint8_t *bytes = malloc(original.size);
    memcpy(exact, payload.data, payload.size);
    ck_assert_msg(decompress(span_of(exact, payload.size), bytes, original.size), "%s", error.message);
    ck_assert_mem_eq(bytes, original.data, original.size);
    free(bytes);
    free(exact);
}

/* Returns the payload's size, 0: given up. With less room than that, it is given up or comes out otherwise, and nothing
 * is written beyond. */
static size_t check_round_trip(const struct columns_plan *plan, int level, struct span original)
{
    size_t capacity = 2 * original.size + 4096;
    uint8_t *payload = malloc(capacity);
    size_t size = compress(plan, level, original, payload, capacity);
    if (size > 0) {
        check_way_back(span_of(payload, size), original);
        const size_t capacities[] = {size, size - 1, random_below(size)};
        for (unsigned i = 0; i < 3; i++) {
            memset(payload, 0x5a, capacity);
            size_t less = compress(plan, level, original, payload, capacities[i]);
            for (size_t k = 0; k < 16; k++)
                ck_assert_uint_eq(payload[capacities[i] + k], 0x5a);
            if (less > 0)
                check_way_back(span_of(payload, less), original);
        }
    }
    free(payload);
    return size;
}

START_TEST(any_plan_any_bytes)
{
    enum { ROUNDS = 300 };
    unsigned given_up = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct columns_plan plan = random_plan();
        size_t size = plan.stride + plan.lead + random_below(round % 10 == 0 ? 300000 : 20000);
        uint8_t *bytes = malloc(size);
        fill_records(&plan, bytes, size);
        if (round % 7 == 0) /* nothing of the kind */
            for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)random_bits();
        given_up += check_round_trip(&plan, 1, span_of(bytes, size)) == 0;
        free(bytes);
    }
    ck_assert_uint_lt(given_up, ROUNDS / 2);
}
END_TEST

/* Frames of the sizes that Bale writes and of the largest that it reads, at several levels. */
START_TEST(large_frames)
{
    static const size_t sizes[] = {FRAME_ORIGINAL_BYTES, COLUMNS_ORIGINAL_BYTES_MAX};
    static const int levels[] = {-7, 1, 3, 9};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *bytes = malloc(sizes[i]);
        for (unsigned k = 0; k < 4; k++) {
            struct columns_plan plan = random_plan();
            fill_records(&plan, bytes, sizes[i]);
            (void)check_round_trip(&plan, levels[k], span_of(bytes, sizes[i]));
        }
        free(bytes);
    }
}
END_TEST

static struct columns_plan one_run(unsigned stride, unsigned lead, unsigned width, enum columns_op op)
{
    return (struct columns_plan){.stride = (uint8_t)stride,
                                 .lead = (uint8_t)lead,
                                 .runs_count = 1,
                                 .runs = {{(uint8_t)width, (uint8_t)op, (uint8_t)(stride / width), 0}}};
}

/* Numbers from 0 on: nearly nothing is left of them. */
START_TEST(counters)
{
    enum { SIZE = 1 << 20 };
    uint8_t *bytes = malloc(SIZE);
    for (uint32_t i = 0; i < SIZE / 4; i++)
        store_u32_le(bytes + 4 * i, i);
    struct columns_plan plan = one_run(4, 0, 4, COLUMNS_OP_DELTA);
    size_t size = check_round_trip(&plan, 1, span_of(bytes, SIZE));
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_lt(size, SIZE / 10000);
    free(bytes);
}
END_TEST

/* Gaps of 1 to 4: two bits each, where matches would only be chance. */
START_TEST(gaps)
{
    enum { SIZE = 1 << 20 };
    uint8_t *bytes = malloc(SIZE);
    uint32_t number = 0;
    for (uint32_t i = 0; i < SIZE / 4; i++) {
        number += 1 + (uint32_t)random_below(4);
        store_u32_le(bytes + 4 * i, number);
    }
    struct columns_plan plan = one_run(4, 0, 4, COLUMNS_OP_DELTA);
    size_t size = check_round_trip(&plan, 1, span_of(bytes, SIZE));
    ck_assert_uint_lt(size, SIZE / 14);
    free(bytes);
}
END_TEST

/* The first slice of a plane is a guess at the others: where those are of another kind, it must not count for them. */
START_TEST(a_plane_that_changes)
{
    enum { RECORDS = 512 << 10, SLICE = CODEC_SLICE_BYTES, PERIOD = 1000 };
    static const unsigned values[] = {256, 16}; /* of the first slice, by chance */
    const struct columns_plan plan = one_run(2, 0, 1, COLUMNS_OP_NONE);
    uint8_t *bytes = calloc(RECORDS, 2);
    for (unsigned kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < RECORDS; i++) /* then words that come again and again */
            bytes[2 * i] = i < SLICE + PERIOD ? (uint8_t)random_below(values[kind]) : bytes[2 * (i - PERIOD)];
        size_t size = check_round_trip(&plan, 1, span_of(bytes, 2 * RECORDS));
        double bits = values[kind] == 256 ? 8 : 4;
        ck_assert_uint_lt(size, (size_t)(SLICE * bits / 8 * 1.05) + RECORDS / 50);

        for (size_t i = 0; i < RECORDS; i++) /* or the other way round: noise behind words */
            bytes[2 * i] = i < PERIOD || i >= SLICE ? (uint8_t)random_below(values[kind]) : bytes[2 * (i - PERIOD)];
        size = check_round_trip(&plan, 1, span_of(bytes, 2 * RECORDS));
        ck_assert_uint_lt(size, (size_t)((RECORDS - SLICE) * bits / 8 * 1.05) + RECORDS / 50);
    }
    free(bytes);
}
END_TEST

START_TEST(too_little_or_too_much)
{
    uint8_t bytes[600];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    static uint8_t payload[2048];
    /* not one record; exactly one; one of 255 bytes */
    struct columns_plan plan = one_run(8, 7, 8, COLUMNS_OP_DELTA);
    for (size_t size = 0; size < 15; size++)
        ck_assert_uint_eq(compress(&plan, 1, span_of(bytes, size), payload, sizeof payload), 0);
    ck_assert_uint_gt(check_round_trip(&plan, 1, span_of(bytes, 15)), 0);
    plan = one_run(255, 254, 1, COLUMNS_OP_NONE);
    ck_assert_uint_gt(check_round_trip(&plan, 1, span_of(bytes, 509)), 0);
    /* decimals that are none */
    plan = one_run(4, 0, 4, COLUMNS_OP_DECIMAL);
    ck_assert_uint_eq(compress(&plan, 1, span_of(bytes, sizeof bytes), payload, sizeof payload), 0);
    /* no room at all */
    plan = one_run(4, 0, 4, COLUMNS_OP_DELTA);
    ck_assert_uint_eq(compress(&plan, 1, span_of(bytes, sizeof bytes), payload, 0), 0);
    ck_assert_uint_eq(compress(&plan, 1, span_of(bytes, sizeof bytes), payload, 7), 0);
}
END_TEST

/* ---- payloads by hand ---- */

/* Three u16 behind a byte, and a byte behind them: 5, 3, 10. */
static const char small_payload[] = "01020101" /* version, stride, runs, lead */
                                    "0501"     /* u16, delta, once */
                                    "00"       /* low bytes: raw */
                                    "0100"     /* high bytes: all 0 */
                                    "aabb"     /* lead and tail */
                                    "0a030e";  /* zigzag of 5, -2, 7 */
static const char small_original[] = "aa050003000a00bb";

START_TEST(payload_by_hand)
{
    uint8_t bytes[8];
    struct span original = bytes_of_hex(small_original);
    ck_assert(decompress(bytes_of_hex(small_payload), bytes, sizeof bytes));
    ck_assert_mem_eq(bytes, original.data, original.size);
    struct columns_plan plan = one_run(2, 1, 2, COLUMNS_OP_DELTA);
    uint8_t payload[64];
    ck_assert_span_eq(span_of(payload, compress(&plan, 1, original, payload, sizeof payload)),
                      bytes_of_hex(small_payload));
}
END_TEST

static void check_refused(struct span payload, size_t original_size, enum error_kind kind)
{
    uint8_t *bytes = malloc(original_size + 1);
    uint8_t *exact = malloc(payload.size + 1); /* so that a sanitizer sees what is read beyond */
    memcpy(exact, payload.data, payload.size);
    exact = realloc(exact, payload.size > 0 ? payload.size : 1);
    ck_assert(!decompress(span_of(exact, payload.size), bytes, original_size));
    ck_assert_msg(error.kind == kind, "%s", error.message);
    free(exact);
    free(bytes);
}

static void check_hex_refused(const char *hex, size_t original_size, enum error_kind kind)
{
    check_refused(bytes_of_hex(hex), original_size, kind);
}

START_TEST(sizes_that_do_not_fit)
{
    struct span payload = bytes_of_hex(small_payload);
    for (size_t size = 0; size < payload.size; size++)
        check_refused(span_take(payload, size), 8, ERROR_DAMAGED);
    for (size_t size = 0; size < 20; size++)
        if (size != 8 && size != 9) /* 9 bytes could be four records without a tail: what the CRC is for */
            check_refused(payload, size, ERROR_DAMAGED);
    check_refused(payload, COLUMNS_ORIGINAL_BYTES_MAX, ERROR_DAMAGED);
    check_refused(payload, COLUMNS_ORIGINAL_BYTES_MAX + 1, ERROR_DAMAGED);
    check_hex_refused("01020101050100"
                      "0100aabb0a030e00",
                      8, ERROR_DAMAGED); /* a byte behind the end */
    check_hex_refused("01020101050100"
                      "03aabb0a030e",
                      8, ERROR_UNSUPPORTED); /* a mode of a later time */
    check_hex_refused("01020101050100"
                      "02000000aabb0a030e",
                      8, ERROR_DAMAGED); /* zstd of no bytes */
    check_hex_refused("01020101050100"
                      "02030000aabb0a030e28b52f",
                      8, ERROR_DAMAGED); /* zstd as large as the plane */
    check_hex_refused("01020101050102ffffff"
                      "02ffffffaabb0a030e",
                      8, ERROR_DAMAGED); /* sizes that run past the end */
    check_hex_refused("01020101050102020000"
                      "0100aabb28b5",
                      8, ERROR_DAMAGED); /* no frame of zstd */
}
END_TEST

/* One plane of 64 records, whose stream is these bytes of zstd; `records` as the frame's header would have it. */
static bool decompress_plane(const uint8_t *stream, size_t size, size_t records)
{
    uint8_t payload[512] = {1, 1, 1, 0, 0, 1, 2, (uint8_t)size, (uint8_t)(size >> 8), 0};
    memcpy(payload + 10, stream, size);
    uint8_t original[256];
    ck_assert_uint_le(records, sizeof original);
    return decompress(span_of(payload, 10 + size), original, records);
}

START_TEST(planes_that_decode_to_another_size)
{
    enum { RECORDS = 64 };
    uint8_t zeros[256] = {0};
    uint8_t stream[600];
    for (size_t records = RECORDS - 1; records <= RECORDS + 1; records++)
        for (int has_size = 0; has_size <= 1; has_size++) {
            ZSTD_CCtx *zstd = ZSTD_createCCtx();
            ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, has_size);
            size_t size = ZSTD_compress2(zstd, stream, sizeof stream, zeros, records);
            ck_assert_int_eq(decompress_plane(stream, size, RECORDS), records == RECORDS);
            ck_assert_int_eq(error.kind, records == RECORDS ? ERROR_NONE : ERROR_DAMAGED);
            for (size_t cut = 1; cut < size; cut++)
                ck_assert(!decompress_plane(stream, cut, RECORDS));
            stream[size] = 0;
            ck_assert(!decompress_plane(stream, size + 1, RECORDS)); /* a byte behind it */
            ZSTD_freeCCtx(zstd);
        }
    /* two frames in a row, each of half a plane; a skippable one before */
    size_t half = ZSTD_compress(stream, sizeof stream, zeros, RECORDS / 2, 1);
    memcpy(stream + half, stream, half);
    ck_assert(!decompress_plane(stream, 2 * half, RECORDS));
    memcpy(stream, "\x50\x2a\x4d\x18\0\0\0\0", 8);
    size_t whole = ZSTD_compress(stream + 8, sizeof stream - 8, zeros, RECORDS, 1);
    ck_assert(!decompress_plane(stream, 8 + whole, RECORDS));
    /* of zstd 0.7, before the format was settled */
    memcpy(stream, "\x27\xb5\x2f\xfd", 4);
    ck_assert(!decompress_plane(stream, 30, RECORDS));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}
END_TEST

/* Blocks that hold nothing cost time, too: a step ends after some of them. */
START_TEST(empty_blocks)
{
    enum { BLOCKS = 1000, SIZE = 4096 };
    struct buffer frame = {0};
    buffer_append(&frame, bytes_of_hex("28b52ffd0060")); /* no content size, a window of 4 MiB */
    for (unsigned i = 0; i < BLOCKS; i++)
        buffer_append(&frame, bytes_of_hex("000000")); /* raw, no bytes, not the last */
    buffer_append(&frame, bytes_of_hex("03800055"));   /* the last: 4,096 times 0x55 */
    uint8_t *bytes = malloc(SIZE);
    struct zstd_flat *flat = zstd_flat_create();
    ck_assert(zstd_flat_begin(flat, buffer_span(&frame), bytes, SIZE, &error));
    unsigned steps = 1;
    while (zstd_flat_step(flat, &error) == CODEC_MORE)
        steps++;
    ck_assert_uint_gt(steps, 3);
    ck_assert_uint_eq(bytes[0], 0x55);
    ck_assert_uint_eq(bytes[SIZE - 1], 0x55);
    zstd_flat_destroy(flat);
    free(bytes);
    buffer_free(&frame);
}
END_TEST

/* 32 floats in quarters, raw planes; exceptions as given: 2 at most. */
static bool decompress_exceptions(const char *exceptions_hex, uint8_t *ret_original)
{
    uint8_t payload[512] = {1, 4, 1, 0, 2 | COLUMNS_OP_DECIMAL << 2, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    struct span exceptions = bytes_of_hex(exceptions_hex);
    memcpy(payload + 15, exceptions.data, exceptions.size);
    return decompress(span_of(payload, 15 + exceptions.size), ret_original, 128);
}

START_TEST(exceptions)
{
    uint8_t bytes[128];
    ck_assert(decompress_exceptions("00000000", bytes));
    ck_assert(decompress_exceptions("02000000"
                                    "00000000"
                                    "11223344"
                                    "1f000000"
                                    "55667788",
                                    bytes));
    ck_assert_span_eq(span_of(bytes, 4), bytes_of_hex("11223344"));
    ck_assert_span_eq(span_of(bytes + 124, 4), bytes_of_hex("55667788"));
    ck_assert_uint_eq(load_u64_le(bytes + 4), 0);
    static const char *const wrong[] = {
        "",
        "000000",
        "01000000",
        "01000000"
        "00000000"
        "112233",
        "0000000000",
        "02000000"
        "01000000"
        "11223344"
        "00000000"
        "55667788", /* descending */
        "02000000"
        "01000000"
        "11223344"
        "01000000"
        "55667788", /* twice the same */
        "01000000"
        "20000000"
        "11223344", /* beyond the last */
        "01000000"
        "ffffffff"
        "11223344",
        "03000000"
        "00000000"
        "11223344"
        "01000000"
        "11223344"
        "02000000"
        "11223344", /* more than 1/16 */
        "ffffffff"
        "00000000"
        "11223344",
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!decompress_exceptions(wrong[i], bytes), "case %u", i);
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    }
}
END_TEST

/* Every byte of a payload changed in every bit: an error or other bytes, which the CRC notices, and nothing else. */
START_TEST(flipped_bits)
{
    enum { SIZE = 3000 };
    struct columns_plan plan = {
        .stride = 24,
        .lead = 5,
        .runs_count = 3,
        .runs = {{8, COLUMNS_OP_DELTA2, 1, 0}, {4, COLUMNS_OP_DECIMAL_DELTA, 2, 2}, {2, COLUMNS_OP_DELTA, 4, 0}}};
    static uint8_t original[SIZE];
    static uint8_t payload[2 * SIZE];
    static uint8_t bytes[SIZE];
    fill_records(&plan, original, SIZE);
    size_t size = compress(&plan, 1, span_of(original, SIZE), payload, sizeof payload);
    ck_assert_uint_gt(size, 0);
    for (size_t i = 0; i < size * 8; i++) {
        payload[i / 8] ^= (uint8_t)(1U << i % 8);
        (void)decompress(span_of(payload, size), bytes, SIZE);
        payload[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    ck_assert(decompress(span_of(payload, size), bytes, SIZE));
    ck_assert_mem_eq(bytes, original, SIZE);
}
END_TEST

int main(void)
{
    compressor = compressor_create();
    columns = columns_compressor_create();
    back = columns_decompressor_create();
    Suite *suite = suite_create("columns");
    TCase *tests = tcase_create("columns");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, any_plan_any_bytes);
    tcase_add_test(tests, large_frames);
    tcase_add_test(tests, counters);
    tcase_add_test(tests, gaps);
    tcase_add_test(tests, a_plane_that_changes);
    tcase_add_test(tests, too_little_or_too_much);
    tcase_add_test(tests, payload_by_hand);
    tcase_add_test(tests, sizes_that_do_not_fit);
    tcase_add_test(tests, planes_that_decode_to_another_size);
    tcase_add_test(tests, empty_blocks);
    tcase_add_test(tests, exceptions);
    tcase_add_test(tests, flipped_bits);
    int failed = run_suite(suite);
    columns_decompressor_destroy(back);
    columns_compressor_destroy(columns);
    compressor_destroy(compressor);
    return failed;
}
