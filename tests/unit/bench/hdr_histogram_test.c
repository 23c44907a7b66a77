/* tests/unit/bench/hdr_histogram_test.c -- percentiles to three digits, and what the encoding looks like. What reads
 * the encoding on its own is in tests/process/bench_tool.py. */
#include "bench/figures/hdr_histogram.h"
#include "bench/job/random.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

enum { COUNT = 20000 };

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Values of all sizes up to an hour, against sorting them. */
START_TEST(percentiles_are_right_to_a_thousandth)
{
    static const double percents[] = {0.01, 1, 10, 50, 75, 90, 99, 99.9, 99.99, 100};
    static uint64_t values[COUNT];
    struct hdr_histogram *histogram = hdr_histogram_create();
    for (unsigned i = 0; i < COUNT; i++) {
        values[i] = random_mix(i) % HDR_HISTOGRAM_VALUE_MAX >> random_mix(i + COUNT) % 40;
        values[i] += values[i] == 0;
        hdr_histogram_record(histogram, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);
    for (unsigned i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        unsigned rank = (unsigned)(percents[i] / 100 * COUNT + 0.999999);
        double exact = (double)values[rank == 0 ? 0 : rank - 1];
        double found = (double)hdr_histogram_percentile(histogram, percents[i]);
        ck_assert_msg(found >= exact * 0.999 && found <= exact * 1.001, "%f %%: %f, not %f", percents[i], found, exact);
    }
    ck_assert_uint_eq(histogram->least, values[0]);
    ck_assert_uint_eq(histogram->most, values[COUNT - 1]);
    ck_assert_uint_eq(hdr_histogram_percentile(histogram, 100), values[COUNT - 1]);
    hdr_histogram_free(histogram);
}
END_TEST

START_TEST(every_value_has_a_place_at_both_ends)
{
    struct hdr_histogram *histogram = hdr_histogram_create();
    ck_assert_uint_eq(hdr_histogram_percentile(histogram, 50), 0);
    ck_assert_double_eq(hdr_histogram_mean(histogram), 0);
    hdr_histogram_record(histogram, 0);
    hdr_histogram_record(histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram->total, 2);
    ck_assert_uint_eq(hdr_histogram_percentile(histogram, 0), 1);
    ck_assert_uint_eq(hdr_histogram_percentile(histogram, 50), 1);
    ck_assert_uint_eq(hdr_histogram_percentile(histogram, 100), HDR_HISTOGRAM_VALUE_MAX);
    for (unsigned bits = 0; bits < 42; bits++)
        hdr_histogram_record(histogram, (UINT64_C(1) << bits) - (bits > 0));
    ck_assert_uint_eq(histogram->total, 44);
    hdr_histogram_free(histogram);
}
END_TEST

START_TEST(adding_is_recording_all)
{
    struct hdr_histogram *all = hdr_histogram_create();
    struct hdr_histogram *halves[2] = {hdr_histogram_create(), hdr_histogram_create()};
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t value = random_mix(i) % 1000000;
        hdr_histogram_record(all, value);
        hdr_histogram_record(halves[i % 2], value);
    }
    hdr_histogram_add(halves[0], halves[1]);
    ck_assert_mem_eq(halves[0], all, sizeof *all);
    hdr_histogram_clear(all);
    hdr_histogram_add(halves[0], all);
    ck_assert_uint_eq(halves[0]->total, 1000);
    hdr_histogram_free(all);
    hdr_histogram_free(halves[0]);
    hdr_histogram_free(halves[1]);
}
END_TEST

/* By hand: 5 counted twice and 3000 once. 3000 is in the second bucket, of steps of 2: its place is 2048 + (1500 -
 * 1024) = 2524, behind 2518 zeros, which in ZigZag are 5035. */
START_TEST(the_encoding_is_hdr_histograms)
{
    static const uint8_t expected[] = {
        0x1c, 0x84, 0x93, 0x14, 0,    0,    0,    56, /* compressed: cookie, bytes of zlib */
        0x78, 0x01, 1,    45,   0,    0xd2, 0xff,     /* one stored block of 45 bytes */
        0x1c, 0x84, 0x93, 0x13, 0,    0,    0,    5,  /* cookie, bytes of counts */
        0,    0,    0,    0,    0,    0,    0,    3,  /* offset, digits */
        0,    0,    0,    0,    0,    0,    0,    1,  /* lowest value */
        0,    0,    0x03, 0x46, 0x30, 0xb8, 0xa0, 0,  /* an hour in nanoseconds */
        0x3f, 0xf0, 0,    0,    0,    0,    0,    0,  /* 1.0 */
        9,    4,    0xab, 0x27, 2,                    /* five zeros, 2, 2518 zeros, 1 */
    };
    struct hdr_histogram *histogram = hdr_histogram_create();
    struct buffer encoded;
    buffer_init(&encoded, 0);
    hdr_histogram_record(histogram, 5);
    hdr_histogram_record(histogram, 5);
    hdr_histogram_record(histogram, 3000);
    hdr_histogram_encode(histogram, &encoded);
    ck_assert_uint_eq(encoded.size, sizeof expected + 4); /* Adler-32 is behind it */
    ck_assert_mem_eq(encoded.data, expected, sizeof expected);
    buffer_free(&encoded);
    hdr_histogram_free(histogram);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *tests = tcase_create("histogram");
    tcase_add_test(tests, percentiles_are_right_to_a_thousandth);
    tcase_add_test(tests, every_value_has_a_place_at_both_ends);
    tcase_add_test(tests, adding_is_recording_all);
    tcase_add_test(tests, the_encoding_is_hdr_histograms);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
