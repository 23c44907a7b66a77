/* runtime/base/arena.h -- memory for the length of one request: allocated piece by piece, given back in one go.
 *
 * An arena has a limit; an allocation beyond it returns NULL, which the caller reports as ERROR_TOO_LARGE or
 * ERROR_BUSY. arena_reset keeps the first block, so that an ordinary request allocates nothing. */
#pragma once

#include "runtime/base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t used;                /* bytes used of the newest block */
    size_t total;               /* bytes of all blocks */
    size_t limit;
};

void arena_init(struct arena *arena, size_t limit);
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);
/* The same, and what was in it is overwritten first: there were secrets. */
void arena_wipe(struct arena *arena);
/* Aligned to 16, not zeroed. */
void *arena_allocate(struct arena *arena, size_t size);
/* A copy with a terminating zero after it; the span does not count the zero. data is NULL when the limit is reached. */
struct span arena_copy(struct arena *arena, struct span bytes);
