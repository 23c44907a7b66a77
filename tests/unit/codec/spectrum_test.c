/* tests/unit/codec/spectrum_test.c -- the spectrum against a plain one, and what it says of data sets. */
#include "bench/data/data_sets.h"
#include "codec/measure/spectrum.h"
#include "tests/unit/run_suite.h"

#include <stdlib.h>

enum { FRAME_BYTES = 256 << 10 };
static uint8_t frame[FRAME_BYTES];

static struct span frame_of(const char *name)
{
    data_set_fill(data_set_find(name), frame, sizeof frame);
    return span_of(frame, sizeof frame);
}

/* ---- the same in the plainest way ---- */

static unsigned class_of(uint8_t a, uint8_t b)
{
    int difference = abs(a - b);
    return difference == 0 ? 0 : difference <= 2 ? 1 : difference <= 8 ? 2 : difference <= 26 ? 3 : 4;
}

static int compare(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a;
    unsigned right = *(const unsigned *)b;
    return left < right ? -1 : left > right;
}

static struct spectrum plain_spectrum_of(struct span bytes)
{
    unsigned sums[64] = {0};
    unsigned sorted[64];
    for (unsigned distance = 1; distance <= 64; distance++)
        for (unsigned place = 0; place < 4; place++)
            for (unsigned i = 64; i < 64 + 512; i++) {
                const uint8_t *at = bytes.data + (bytes.size - 64 - 512) / 3 * place + i;
                sums[distance - 1] += class_of(*at, *(at - distance));
            }
    memcpy(sorted, sums, sizeof sums);
    qsort(sorted, 64, sizeof sorted[0], compare);
    unsigned stride = 1;
    while (sums[stride - 1] * 100 > sorted[0] * 103)
        stride++;
    return (struct spectrum){stride, sorted[32] == 0 ? 1000 : sorted[0] * 1000 / sorted[32]};
}

START_TEST(is_as_the_plain_one)
{
    for (unsigned i = 0; data_set_at(i) != NULL; i++) {
        struct span bytes = frame_of(data_set_at(i)->name);
        for (size_t size = SPECTRUM_BYTES_LEAST; size <= bytes.size; size = size * 3 + 1) {
            struct spectrum found = spectrum_of(span_take(bytes, size));
            struct spectrum expected = plain_spectrum_of(span_take(bytes, size));
            if (found.quality == SPECTRUM_QUALITY_NONE) { /* a glimpse may miss only what is not asked for */
                ck_assert(!spectrum_is_numeric(expected, true));
                continue;
            }
            ck_assert_uint_eq(found.stride, expected.stride);
            ck_assert_uint_eq(found.quality, expected.quality);
        }
    }
}
END_TEST

START_TEST(finds_records)
{
    static const struct {
        const char *name;
        unsigned stride;
    } cases[] = {{"postings", 4}, {"gaps", 4},    {"event-times", 8}, {"smooth-f64", 8}, {"weights-bf16", 2},
                 {"sound", 4},    {"picture", 3}, {"elevation", 2},   {"records", 24},   {"points", 12}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct spectrum spectrum = spectrum_of(frame_of(cases[i].name));
        ck_assert_msg(spectrum.stride == cases[i].stride, "%s: %u", cases[i].name, spectrum.stride);
        ck_assert(spectrum_is_numeric(spectrum, false));
        ck_assert(!spectrum_is_text(frame_of(cases[i].name)));
    }
}
END_TEST

START_TEST(passes_by_what_is_none)
{
    static const char *const names[] = {"noise", "json", "logs", "dna", "qualities", "hex", "base64"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_msg(!spectrum_is_numeric(spectrum_of(frame_of(names[i])), false), "%s", names[i]);
    memset(frame, 0, sizeof frame);
    ck_assert(!spectrum_is_numeric(spectrum_of(span_of(frame, sizeof frame)), false));
    ck_assert_uint_eq(spectrum_of(span_of(frame, SPECTRUM_BYTES_LEAST - 1)).stride, 0);
    ck_assert(!spectrum_is_numeric(spectrum_of(SPAN_EMPTY), true));
}
END_TEST

/* All bytes, one of 21, and one of 17: a twentieth may be none. */
START_TEST(text_is_what_is_printed)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_printed = (byte >= 0x20 && byte <= 0x7e) || (byte >= 0x09 && byte <= 0x0d);
        memset(frame, (int)byte, sizeof frame);
        ck_assert_msg(spectrum_is_text(span_of(frame, sizeof frame)) == is_printed, "%u", byte);
        for (size_t i = 0; i < sizeof frame; i++)
            frame[i] = i % 21 == 20 ? (uint8_t)byte : 'x';
        ck_assert(spectrum_is_text(span_of(frame, sizeof frame)));
        for (size_t i = 0; i < sizeof frame; i++)
            frame[i] = i % 17 == 16 ? (uint8_t)byte : 'x';
        ck_assert_msg(spectrum_is_text(span_of(frame, sizeof frame)) == is_printed, "%u", byte);
    }
}
END_TEST

START_TEST(measures_lines)
{
    ck_assert(spectrum_is_text(frame_of("csv")));
    ck_assert_uint_eq(spectrum_line_stride(frame_of("csv")), 50);
    ck_assert_uint_eq(spectrum_line_stride(frame_of("nginx")), 245);
    ck_assert_uint_eq(spectrum_line_stride(frame_of("json")), 0);
    ck_assert_uint_eq(spectrum_line_stride(frame_of("hex")), 0);
    memset(frame, '\n', sizeof frame); /* empty lines, two of which make a stride */
    ck_assert_uint_eq(spectrum_line_stride(span_of(frame, sizeof frame)), 0);
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = i % 7 == 1 || i % 7 == 5 ? '\n' : 'x'; /* lengths 4 and 3 in turn */
    ck_assert_uint_eq(spectrum_line_stride(span_of(frame, sizeof frame)), 7);
    ck_assert_uint_eq(spectrum_line_stride(span_of(frame, 5)), 0);
    ck_assert_uint_eq(spectrum_line_stride(SPAN_EMPTY), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spectrum");
    TCase *tests = tcase_create("spectrum");
    tcase_add_test(tests, is_as_the_plain_one);
    tcase_add_test(tests, finds_records);
    tcase_add_test(tests, passes_by_what_is_none);
    tcase_add_test(tests, text_is_what_is_printed);
    tcase_add_test(tests, measures_lines);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
