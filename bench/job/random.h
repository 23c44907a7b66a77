/* bench/job/random.h -- numbers that belong to something: mixing, so that one number gives another, always the same. */
#pragma once

#include <stdint.h>

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014): a bijection, and neighbours come out unlike. */
static inline uint64_t random_mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}
