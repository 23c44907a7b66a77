/* tests/unit/codec/columns_kernels_test.c -- the inner loops of columns: against the plainest possible arithmetic, and
 * the ones for vector registers against plain C. */
#include "codec/columns/decimal.h"
#include "codec/columns/kernels.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>

enum { ROUNDS = 400 };

/* libcheck takes note of each assertion: too slow for each of some million bytes. */
#define assert_each(condition)              \
    do {                                    \
        if (!(condition))                   \
            ck_abort_msg("%s", #condition); \
    } while (0)

static uint64_t random_state = 7;

static uint64_t random_bits(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 32 ^ random_state << 17;
}

static uint8_t words[COLUMNS_WORDS_BYTES];
static uint8_t plain[COLUMNS_WORDS_BYTES];
static uint8_t best[COLUMNS_WORDS_BYTES];
static uint8_t *const first_word = words + COLUMNS_WORDS_BEFORE;
static uint8_t *const first_plain = plain + COLUMNS_WORDS_BEFORE;
static uint8_t *const first_best = best + COLUMNS_WORDS_BEFORE;

/* Noise, with runs of the values at which carries and signs go wrong. */
static void fill_words(void)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < sizeof words; i++) {
        uint64_t bits = random_bits();
        words[i] = bits & 0x300 ? edges[(bits >> 10) % sizeof edges] : (uint8_t)bits;
    }
}

static size_t random_count(void)
{
    return random_bits() % 3 == 0 ? random_bits() % 40 : random_bits() % (COLUMNS_PIECE_RECORDS_MAX + 1);
}

static uint64_t lane_mask(unsigned bytes)
{
    return UINT64_MAX >> (64 - 8 * bytes);
}

static uint64_t lane_at(const uint8_t *lanes, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, lanes, bytes);
    return value;
}

static uint64_t zigzag(uint64_t value, unsigned bytes)
{
    bool is_negative = value >> (8 * bytes - 1) & 1;
    return (is_negative ? ~(value << 1) : value << 1) & lane_mask(bytes);
}

static struct columns_shape shape_of(unsigned index)
{
    static const uint8_t pairs[][2] = {{1, 1}, {2, 1}, {2, 2}, {4, 1}, {4, 2}, {4, 4}, {8, 1}, {8, 2}, {8, 4}, {8, 8}};
    return (struct columns_shape){pairs[index / 3][0], pairs[index / 3][1], (uint8_t)(index % 3)};
}
enum { SHAPES = 30 };

static void check_differences(struct columns_shape shape, size_t count)
{
    unsigned lane = shape.lane_bytes;
    unsigned word = shape.word_bytes;
    columns_kernels_plain.difference(first_word, count, shape, first_plain);
    columns_kernels_best->difference(first_word, count, shape, first_best);
    ck_assert_mem_eq(first_plain, first_best, count * word);
    for (size_t i = 0; i < count * word; i += lane) {
        const uint8_t *at = first_word + i;
        uint64_t value = lane_at(at, lane);
        if (shape.order == 1)
            value -= lane_at(at - word, lane);
        if (shape.order == 2)
            value += lane_at(at - 2 * word, lane) - 2 * lane_at(at - word, lane);
        assert_each(lane_at(first_plain + i, lane) == zigzag(value, lane));
    }
}

/* The first words are differences to nothing, so that adding up begins with zeros; in two pieces. */
static void check_way_back(struct columns_shape shape, size_t count)
{
    memset(words, 0, COLUMNS_WORDS_BEFORE);
    columns_kernels_plain.difference(first_word, count, shape, first_plain);
    memcpy(first_best, first_plain, count * shape.word_bytes);
    const struct columns_kernels *kernels[] = {&columns_kernels_plain, columns_kernels_best};
    uint8_t *first[] = {first_plain, first_best};
    size_t part = count == 0 ? 0 : random_bits() % (count + 1);
    uint8_t kept[16];
    for (unsigned k = 0; k < 2; k++) {
        struct columns_sums sums = {0};
        uint8_t *behind = first[k] + part * shape.word_bytes;
        memcpy(kept, behind, sizeof kept); /* up to 15 bytes behind the last word may change */
        kernels[k]->accumulate(first[k], part, shape, &sums);
        memcpy(behind, kept, sizeof kept);
        kernels[k]->accumulate(behind, count - part, shape, &sums);
        ck_assert_mem_eq(first[k], first_word, count * shape.word_bytes);
    }
}

START_TEST(differences_and_sums)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill_words();
        size_t count = random_count();
        check_differences(shape_of(round % SHAPES), count);
        check_way_back(shape_of(round % SHAPES), count);
    }
}
END_TEST

START_TEST(words_and_planes)
{
    static uint8_t planes[2][8 * COLUMNS_PIECE_RECORDS_MAX];
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill_words();
        size_t count = random_count();
        unsigned bytes = 1U << round % 4;
        memset(planes, 0x5a, sizeof planes);
        columns_kernels_plain.split(first_word, count, bytes, planes[0], COLUMNS_PIECE_RECORDS_MAX);
        columns_kernels_best->split(first_word, count, bytes, planes[1], COLUMNS_PIECE_RECORDS_MAX);
        ck_assert_mem_eq(planes[0], planes[1], sizeof planes[0]); /* not a byte behind the last */
        for (size_t i = 0; i < count * bytes; i++)
            assert_each(planes[0][i % bytes * COLUMNS_PIECE_RECORDS_MAX + i / bytes] == first_word[i]);

        const uint8_t *at[8];
        for (unsigned b = 0; b < 8; b++)
            at[b] = planes[0] + (size_t)b * COLUMNS_PIECE_RECORDS_MAX;
        columns_kernels_plain.join(at, count, bytes, first_plain);
        columns_kernels_best->join(at, count, bytes, first_best);
        ck_assert_mem_eq(first_plain, first_word, count * bytes);
        ck_assert_mem_eq(first_best, first_word, count * bytes);
    }
}
END_TEST

START_TEST(words_and_records)
{
    static uint8_t fields[COLUMNS_PIECE_RECORDS_MAX * 255];
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill_words();
        unsigned bytes = 1U << round % 4;
        unsigned strides = round % 8 < 4 ? 256 - bytes : 4; /* many, or those of pixels */
        unsigned stride = bytes + (unsigned)(random_bits() % strides);
        size_t count = random_count();
        memset(fields, 0x5a, sizeof fields);
        columns_scatter(first_word, count, bytes, fields, stride);
        for (size_t i = 0; i < count * stride; i++) {
            uint8_t expected = i % stride < bytes ? first_word[i / stride * bytes + i % stride] : 0x5a;
            assert_each(fields[i] == expected);
        }
        columns_gather(fields, stride, count, bytes, first_plain);
        ck_assert_mem_eq(first_plain, first_word, count * bytes);
    }
}
END_TEST

/* ---- decimals ---- */

enum { VALUES = 1000 };
static uint8_t values[8 * VALUES];
static uint8_t integers[8 * VALUES];

static void set_value(size_t index, unsigned width, double value)
{
    float rounded = (float)value;
    if (width == 4)
        memcpy(values + 4 * index, &rounded, 4);
    else
        memcpy(values + 8 * index, &value, 8);
}

/* Back again, all but the exceptions; returns how many those are. */
static size_t check_decimals(unsigned width, unsigned exponent)
{
    uint64_t last = 0;
    size_t exceptions = columns_decimals_to_integers(values, VALUES, width, exponent, &last, integers);
    static uint8_t back[sizeof values];
    memcpy(back, integers, sizeof back);
    columns_decimals_to_values(back, VALUES, width, exponent);
    size_t found = 0;
    for (size_t i = 0; i < VALUES; i++) {
        bool is_exception = columns_decimal_is_exception(values, integers, i, width, exponent);
        ck_assert_int_eq(is_exception, memcmp(back + i * width, values + i * width, width) != 0);
        if (is_exception)
            ck_assert_uint_eq(lane_at(integers + i * width, width),
                              i == 0 ? 0 : lane_at(integers + (i - 1) * width, width));
        found += is_exception;
    }
    ck_assert_uint_eq(found, exceptions);
    ck_assert_uint_eq(last & lane_mask(width), lane_at(integers + (VALUES - 1) * width, width));
    return exceptions;
}

START_TEST(decimals)
{
    for (unsigned width = 4; width <= 8; width += 4)
        for (unsigned exponent = 0; exponent <= 6; exponent++) {
            for (size_t i = 0; i < VALUES; i++)
                set_value(i, width, (double)((int64_t)i * 197 - 100000) / pow(10, exponent));
            ck_assert_uint_eq(check_decimals(width, exponent), 0);
            for (size_t i = 0; i < VALUES; i++)
                ck_assert_uint_eq(lane_at(integers + i * width, width),
                                  (uint64_t)((int64_t)i * 197 - 100000) & lane_mask(width));
        }
}
END_TEST

START_TEST(exceptions_of_decimals)
{
    static const double odd[] = {-0.0,        NAN,    INFINITY, -INFINITY, 1e300,  -1e300,
                                 0.123456789, 1e-310, 0x1p31,   -0x1p31,   0x1p51, 0x1p63};
    enum { ODD = sizeof odd / sizeof odd[0] };
    for (unsigned width = 4; width <= 8; width += 4) {
        for (size_t i = 0; i < VALUES; i++)
            set_value(i, width, (double)i / 100);
        for (unsigned k = 0; k < ODD; k++)
            set_value(7 + 50 * k, width, odd[k]);
        set_value(0, width, NAN); /* before any other */
        size_t exceptions = check_decimals(width, 2);
        /* As a float 1e-310 is 0; as doubles, hundredths of 2^31 are near enough. */
        ck_assert_uint_eq(exceptions, (width == 4 ? ODD - 1 : ODD - 2) + 1);
    }
    /* bits at random: nothing but exceptions, or nearly so */
    for (unsigned width = 4; width <= 8; width += 4) {
        for (size_t i = 0; i < sizeof values; i++)
            values[i] = (uint8_t)random_bits();
        ck_assert_uint_gt(check_decimals(width, 3), VALUES / 4);
    }
}
END_TEST

/* A decoder meets integers that no encoder makes: any of them is some value. */
START_TEST(integers_at_random)
{
    for (unsigned exponent = 0; exponent <= 15; exponent++) {
        for (size_t i = 0; i < sizeof values; i++)
            values[i] = (uint8_t)random_bits();
        memcpy(integers, values, sizeof values);
        columns_decimals_to_values(integers, VALUES, 8, exponent);
        for (size_t i = 0; i < VALUES; i++) {
            double value = (double)(int64_t)load_u64_le(values + 8 * i) / pow(10, exponent);
            ck_assert_mem_eq(&value, integers + 8 * i, 8);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("columns_kernels");
    TCase *tests = tcase_create("columns_kernels");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, differences_and_sums);
    tcase_add_test(tests, words_and_planes);
    tcase_add_test(tests, words_and_records);
    tcase_add_test(tests, decimals);
    tcase_add_test(tests, exceptions_of_decimals);
    tcase_add_test(tests, integers_at_random);
    return run_suite(suite);
}
