/* store/embedded/volumes/bitmap.c -- runs of bits, a word at a time. */
#include "store/embedded/volumes/bitmap.h"

/* The bits of word `index` that lie in [first, end). */
static uint64_t mask_of(uint32_t index, uint32_t first, uint32_t end)
{
    uint64_t mask = UINT64_MAX;
    if (first > index * 64)
        mask &= UINT64_MAX << (first % 64);
    if (end < (index + 1) * 64)
        mask &= UINT64_MAX >> (64 - end % 64);
    return mask;
}

void bitmap_fill(uint64_t *bitmap, uint32_t first, uint32_t count, bool value)
{
    if (count == 0)
        return;
    uint32_t end = first + count;
    for (uint32_t index = first / 64; index <= (end - 1) / 64; index++) {
        uint64_t mask = mask_of(index, first, end);
        bitmap[index] = value ? bitmap[index] | mask : bitmap[index] & ~mask;
    }
}

bool bitmap_is(const uint64_t *bitmap, uint32_t first, uint32_t count, bool value)
{
    if (count == 0)
        return true;
    uint32_t end = first + count;
    for (uint32_t index = first / 64; index <= (end - 1) / 64; index++) {
        uint64_t mask = mask_of(index, first, end);
        if ((bitmap[index] & mask) != (value ? mask : 0))
            return false;
    }
    return true;
}

uint32_t bitmap_find(const uint64_t *bitmap, uint32_t bits, uint32_t first, bool value)
{
    if (first >= bits)
        return bits;
    uint32_t index = first / 64;
    uint64_t word = (value ? bitmap[index] : ~bitmap[index]) & (UINT64_MAX << (first % 64));
    while (word == 0) {
        if (++index >= BITMAP_WORDS(bits))
            return bits;
        word = value ? bitmap[index] : ~bitmap[index];
    }
    uint32_t found = index * 64 + (uint32_t)__builtin_ctzll(word);
    return found < bits ? found : bits;
}

bool bitmap_find_run(const uint64_t *bitmap, uint32_t bits, uint32_t first, uint32_t wanted, uint32_t *ret_first)
{
    for (;;) {
        uint32_t start = bitmap_find(bitmap, bits, first, false);
        if (bits - start < wanted)
            return false;
        uint32_t end = bitmap_find(bitmap, bits, start, true);
        if (end - start >= wanted) {
            *ret_first = start;
            return true;
        }
        first = end;
    }
}

uint32_t bitmap_count_clear(const uint64_t *bitmap, uint32_t bits)
{
    uint32_t taken = 0;
    for (uint32_t index = 0; index < BITMAP_WORDS(bits); index++)
        taken += (uint32_t)__builtin_popcountll(bitmap[index] & mask_of(index, 0, bits));
    return bits - taken;
}

uint32_t bitmap_run_around(const uint64_t *bitmap, uint32_t bits, uint32_t bit)
{
    uint32_t end = bitmap_find(bitmap, bits, bit, true);
    uint32_t start = bit;
    while (start > 0) {
        uint32_t index = (start - 1) / 64;
        uint64_t below = bitmap[index] & (UINT64_MAX >> (63 - (start - 1) % 64)); /* taken bits of the word below */
        if (below != 0)
            return end - (index * 64 + 64 - (uint32_t)__builtin_clzll(below));
        start = index * 64;
    }
    return end;
}
