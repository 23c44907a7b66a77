/* store/tier/index.h -- where each block of a tier is thought to lie: one table in memory for all shards.
 *
 * A block's hash names two sets of eight words, a cache line each, and goes where there is more room: so few sets are
 * full long before all are ("two choices", Azar et al., 1994). A word holds 24 bits of the hash (the tag), the place,
 * and how often the block was used since it was put there (0 to 3). Words are loaded and swapped one at a time: there
 * is no lock, and nobody waits. The index may lie: tags collide, a word may be overtaken, a slab may have gone. That
 * costs a miss; the block's header decides (store/tier/block.h). Where both sets are full, their least used word goes.
 *
 * Any thread. Nothing here suspends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INDEX_SLABS_MAX = 1 << 18,
    INDEX_UNITS_MAX = 1 << 14, /* of a slab */
    INDEX_USES_MAX = 3,
};

struct tier_index;

struct block_place {
    uint32_t slab;  /* its slot: store/tier/slabs.h */
    uint32_t unit;  /* where it begins in the slab */
    uint32_t units; /* 1 to BLOCK_UNITS */
};

static inline bool block_place_equals(const struct block_place *a, const struct block_place *b)
{
    return a->slab == b->slab && a->unit == b->unit && a->units == b->units;
}

/* Of about so many bytes, at least one set. NULL: there is no such memory. */
struct tier_index *index_create(size_t bytes);
void index_destroy(struct tier_index *index);

bool index_find(const struct tier_index *index, uint64_t hash, struct block_place *ret_place);
/* The block was read from that place. */
void index_count_use(struct tier_index *index, uint64_t hash, const struct block_place *place);
/* In place of what was there under this hash. It has no uses. */
void index_put(struct tier_index *index, uint64_t hash, const struct block_place *place);
/* False: the index says something else of this block by now, or nothing. */
bool index_drop(struct tier_index *index, uint64_t hash, const struct block_place *place, unsigned *ret_uses);

/* How many words are set. */
uint64_t index_count(const struct tier_index *index);
uint64_t index_words(const struct tier_index *index);
