/* bench/data/data_filler.h -- what the generators of bench/data/data_sets.h write into, and their randomness. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct data_filler {
    uint8_t *bytes;
    size_t size;
    size_t filled;
    uint64_t random;
};

static inline bool filler_is_full(const struct data_filler *filler)
{
    return filler->filled == filler->size;
}

/* What has no room is cut. */
static inline void filler_put(struct data_filler *filler, const void *value, size_t size)
{
    size_t left = filler->size - filler->filled;
    size = size < left ? size : left;
    memcpy(filler->bytes + filler->filled, value, size);
    filler->filled += size;
}

static inline void filler_put_u16(struct data_filler *filler, uint16_t value)
{
    filler_put(filler, &value, sizeof value);
}

static inline void filler_put_u32(struct data_filler *filler, uint32_t value)
{
    filler_put(filler, &value, sizeof value);
}

static inline void filler_put_u64(struct data_filler *filler, uint64_t value)
{
    filler_put(filler, &value, sizeof value);
}

static inline void filler_put_f32(struct data_filler *filler, float value)
{
    filler_put(filler, &value, sizeof value);
}

static inline void filler_put_f64(struct data_filler *filler, double value)
{
    filler_put(filler, &value, sizeof value);
}

/* splitmix64 */
static inline uint64_t filler_random(struct data_filler *filler)
{
    uint64_t value = filler->random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static inline uint32_t filler_below(struct data_filler *filler, uint32_t bound)
{
    return (uint32_t)(((filler_random(filler) >> 32) * bound) >> 32);
}

/* In (0, 1). */
static inline double filler_unit(struct data_filler *filler)
{
    return ((double)(filler_random(filler) >> 12) + 0.5) / 4503599627370496.0;
}

static inline double filler_exponential(struct data_filler *filler, double mean)
{
    return -log(filler_unit(filler)) * mean;
}

/* One of mean 0 and deviation 1. */
static inline double filler_gauss(struct data_filler *filler)
{
    return sqrt(-2 * log(filler_unit(filler))) * cos(6.283185307179586 * filler_unit(filler));
}

/* From 1 on; rank r comes r^-exponent times as often as the first (by inversion of its integral). */
static inline uint64_t filler_zipf(struct data_filler *filler, double exponent, double most)
{
    double value = pow(1 - filler_unit(filler) * (1 - pow(most, 1 - exponent)), 1 / (1 - exponent));
    return (uint64_t)value;
}
