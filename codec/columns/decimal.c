/* codec/columns/decimal.c -- decimals to integers and back. Loops without branches, so that compilers make vectors of
 * them. Not for -ffast-math: the bits count. */
#include "codec/columns/decimal.h"

#include "runtime/base/byteorder.h"

#ifdef __FAST_MATH__
#error "decimals are rounded as IEEE 754 says"
#endif

static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}; /* all of them exact */

/* Added and subtracted again, it leaves of a double below 2^51 the nearest integer, ties to even. */
static const double rounder = 0x1.8p52;
static const double float_limit = 0x1p31;
static const double double_limit = 0x1p51;

static inline float value_of_float(int32_t integer, double power)
{
    return (float)((double)integer / power);
}

static inline double value_of_double(int64_t integer, double power)
{
    return (double)integer / power;
}

static inline uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The nearest integer, or 0 where that is too far away (or none). */
static inline double round_below(double value, double limit)
{
    double rounded = value + rounder - rounder;
    return rounded < limit && rounded > -limit ? rounded : 0;
}

/* ---- there ---- */

static size_t floats_to_integers(const uint8_t *values, size_t count, double power, uint8_t *ret_integers)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, values + 4 * i, sizeof value);
        int32_t integer = (int32_t)round_below((double)value * power, float_limit);
        wrong += bits_of_float(value_of_float(integer, power)) != bits_of_float(value);
        store_u32_le(ret_integers + 4 * i, (uint32_t)integer);
    }
    return wrong;
}

static size_t doubles_to_integers(const uint8_t *values, size_t count, double power, uint8_t *ret_integers)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, values + 8 * i, sizeof value);
        double rounded = round_below(value * power, double_limit);
        wrong += bits_of_double(rounded / power) != bits_of_double(value);
        /* Below 2^51 the integer lies in the lowest bits of its sum with the rounder. */
        store_u64_le(ret_integers + 8 * i, bits_of_double(rounded + rounder) - bits_of_double(rounder));
    }
    return wrong;
}

bool columns_decimal_is_exception(const uint8_t *values, const uint8_t *integers, size_t index, unsigned width,
                                  unsigned exponent)
{
    double power = powers[exponent];
    if (width == 4) {
        int32_t integer = (int32_t)load_u32_le(integers + 4 * index);
        return bits_of_float(value_of_float(integer, power)) != load_u32_le(values + 4 * index);
    }
    int64_t integer = (int64_t)load_u64_le(integers + 8 * index);
    return bits_of_double(value_of_double(integer, power)) != load_u64_le(values + 8 * index);
}

/* Repeats the last integer where there is none; returns how many are exceptions then. */
static size_t repeat_at_exceptions(const uint8_t *values, size_t count, unsigned width, unsigned exponent,
                                   uint64_t last, uint8_t *integers)
{
    size_t exceptions = 0;
    for (size_t i = 0; i < count; i++) {
        if (columns_decimal_is_exception(values, integers, i, width, exponent)) {
            memcpy(integers + i * width, &last, width);
            exceptions += columns_decimal_is_exception(values, integers, i, width, exponent);
        }
        memcpy(&last, integers + i * width, width);
    }
    return exceptions;
}

size_t columns_decimals_to_integers(const uint8_t *values, size_t count, unsigned width, unsigned exponent,
                                    uint64_t *last, uint8_t *ret_integers)
{
    double power = powers[exponent];
    size_t exceptions = width == 4 ? floats_to_integers(values, count, power, ret_integers)
                                   : doubles_to_integers(values, count, power, ret_integers);
    if (exceptions > 0)
        exceptions = repeat_at_exceptions(values, count, width, exponent, *last, ret_integers);
    if (count > 0)
        memcpy(last, ret_integers + (count - 1) * width, width);
    return exceptions;
}

/* ---- and back ---- */

void columns_decimals_to_values(uint8_t *words, size_t count, unsigned width, unsigned exponent)
{
    double power = powers[exponent];
    if (width == 4)
        for (size_t i = 0; i < count; i++)
            store_u32_le(words + 4 * i, bits_of_float(value_of_float((int32_t)load_u32_le(words + 4 * i), power)));
    else
        for (size_t i = 0; i < count; i++)
            store_u64_le(words + 8 * i, bits_of_double(value_of_double((int64_t)load_u64_le(words + 8 * i), power)));
}
