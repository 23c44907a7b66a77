/* store/embedded/volumes/bitmap.h -- runs of bits: which blocks of a volume are taken (1) or free (0). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

/* Sets or clears bits [first, first + count). */
void bitmap_fill(uint64_t *bitmap, uint32_t first, uint32_t count, bool value);
/* Are all of them set (or clear)? */
bool bitmap_is(const uint64_t *bitmap, uint32_t first, uint32_t count, bool value);
/* The first bit >= first with that value, or `bits` when there is none. */
uint32_t bitmap_find(const uint64_t *bitmap, uint32_t bits, uint32_t first, bool value);
/* The first run of at least `wanted` clear bits that starts in [first, bits); false when there is none. */
bool bitmap_find_run(const uint64_t *bitmap, uint32_t bits, uint32_t first, uint32_t wanted, uint32_t *ret_first);
uint32_t bitmap_count_clear(const uint64_t *bitmap, uint32_t bits);
/* Length of the run of clear bits around `bit`, which is clear. */
uint32_t bitmap_run_around(const uint64_t *bitmap, uint32_t bits, uint32_t bit);
