/* tests/unit/codec/columns_search_test.c -- fields that are known are found, wherever records begin. */
#include "bench/data/data_filler.h"
#include "codec/choice/columns_search.h"
#include "tests/unit/run_suite.h"

enum { FRAME_BYTES = 1 << 20 };
static uint8_t frame[FRAME_BYTES];

static double search_of(struct span bytes, unsigned stride, struct columns_plan *ret_plan)
{
    struct columns_search *search = columns_search_create();
    ck_assert_ptr_nonnull(search);
    columns_search_begin(search, bytes, stride, false);
    while (columns_search_step(search))
        ;
    double bits = columns_search_end(search, ret_plan);
    columns_search_destroy(search);
    ck_assert(columns_plan_is_valid(ret_plan));
    ck_assert_uint_eq(ret_plan->stride, stride);
    return bits;
}

/* The field that holds the byte at `position` of a record that begins at `start` of the frame. */
static struct columns_run run_at(const struct columns_plan *plan, unsigned start, unsigned position)
{
    unsigned wanted = (start + position + plan->stride - plan->lead) % plan->stride;
    for (unsigned i = 0, at = 0; i < plan->runs_count; i++) {
        at += (unsigned)plan->runs[i].width * plan->runs[i].repeat;
        if (wanted < at)
            return plan->runs[i];
    }
    ck_abort_msg("a byte without a field");
}

/* Records of 22 bytes, unaligned: a number that grows, two decimals, and noise. */
static struct span fill_records_from(unsigned start)
{
    struct data_filler filler = {.bytes = frame, .size = FRAME_BYTES, .random = 7};
    uint64_t id = UINT64_C(1) << 40;
    double price = 50;
    filler_put(&filler, "a head that is none of the records", start);
    while (!filler_is_full(&filler)) {
        id += 1 + filler_below(&filler, 100);
        price += round(10 * filler_gauss(&filler)) / 1000;
        filler_put_u64(&filler, id);
        filler_put_f64(&filler, round(price * 1000) / 1000);
        filler_put_f32(&filler, (float)(filler_below(&filler, 500) / 10.0));
        filler_put_u16(&filler, (uint16_t)filler_random(&filler));
    }
    return span_of(frame, FRAME_BYTES);
}

START_TEST(finds_fields)
{
    for (unsigned start = 0; start < 22; start += 7) {
        struct columns_plan plan;
        double bits = search_of(fill_records_from(start), 22, &plan);
        ck_assert(bits < 8.0 * 7 / 22); /* 7 bits of steps, 5 and 9 of decimals, 16 of noise */
        ck_assert_uint_eq(run_at(&plan, start, 0).op, COLUMNS_OP_DELTA);
        struct columns_run price = run_at(&plan, start, 8);
        ck_assert_uint_eq(price.op, COLUMNS_OP_DECIMAL_DELTA);
        ck_assert_uint_eq(price.width, 8);
        ck_assert_uint_eq(price.exponent, 3);
        struct columns_run reading = run_at(&plan, start, 16);
        ck_assert_uint_eq(reading.op, COLUMNS_OP_DECIMAL);
        ck_assert_uint_eq(reading.width, 4);
        ck_assert_uint_eq(reading.exponent, 1);
        ck_assert_uint_eq(run_at(&plan, start, 20).op, COLUMNS_OP_NONE);
    }
}
END_TEST

START_TEST(takes_any_stride_and_size)
{
    struct data_filler filler = {.bytes = frame, .size = FRAME_BYTES, .random = 8};
    while (!filler_is_full(&filler))
        filler_put_u64(&filler, filler_random(&filler) & UINT64_C(0xff00ffff0000ff7f));
    for (unsigned stride = 2; stride <= COLUMNS_STRIDE_MAX; stride += 1 + stride / 6) {
        struct columns_plan plan;
        for (size_t size = 4096; size <= FRAME_BYTES; size = size * 5 + 3) {
            double bits = search_of(span_of(frame, size), stride, &plan);
            ck_assert(bits >= 0 && bits <= 8.2);
        }
    }
}
END_TEST

START_TEST(pieces_are_whole_records_inside)
{
    struct span all = span_of(frame, FRAME_BYTES);
    for (unsigned stride = 1; stride <= COLUMNS_STRIDE_MAX; stride++)
        for (size_t size = COLUMNS_SAMPLE_BYTES - 3; size < FRAME_BYTES; size = size * 3 / 2) {
            struct span bytes = span_take(all, size);
            size_t sum = 0;
            for (unsigned i = 0; i < columns_sample_pieces(bytes); i++) {
                struct span piece = columns_sample_piece(bytes, stride, i);
                size_t at = (size_t)(piece.data - bytes.data);
                ck_assert(at % stride == 0 && piece.size % stride == 0 && at + piece.size <= size);
                sum += piece.size;
            }
            ck_assert_uint_le(sum, COLUMNS_SAMPLE_BYTES);
            ck_assert_uint_gt(sum + (size_t)COLUMNS_SAMPLE_PIECES * stride,
                              size < COLUMNS_SAMPLE_BYTES ? size : COLUMNS_SAMPLE_BYTES);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("columns search");
    TCase *tests = tcase_create("search");
    tcase_add_test(tests, finds_fields);
    tcase_add_test(tests, takes_any_stride_and_size);
    tcase_add_test(tests, pieces_are_whole_records_inside);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
