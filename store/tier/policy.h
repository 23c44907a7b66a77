/* store/tier/policy.h -- what a tier takes in, what stays when room is needed, and what it remembers for that: its
 * rules as numbers, for the tier and for a model of one (store/tier/model.h). Pure. */
#pragma once

#include "store/tier/contents.h"

enum { POLICY_USES_TO_STAY = 2 /* since the block was written */ };

/* Memory for the index: words of eight bytes, three quarters of them set when the tier is full of whole blocks. */
static inline uint64_t policy_index_bytes(uint64_t disk_bytes)
{
    enum { BYTES_FOR_AN_INDEX_BYTE = BLOCK_BYTES / 11, INDEX_BYTES_LEAST = 12 << 20 };
    uint64_t bytes = disk_bytes / BYTES_FOR_AN_INDEX_BYTE;
    return bytes < INDEX_BYTES_LEAST ? INDEX_BYTES_LEAST : bytes;
}

/* How many blocks are remembered to have been asked for: half as many as the tier has. Many more would let in what a
 * walk over everything asks for a second time. */
static inline uint64_t policy_sights_count(uint64_t tier_bytes)
{
    enum { BLOCKS_FOR_A_SIGHT = 2, SIGHTS_LEAST = 1 << 14 };
    uint64_t count = tier_bytes / BLOCK_BYTES / BLOCKS_FOR_A_SIGHT;
    return count < SIGHTS_LEAST ? SIGHTS_LEAST : count;
}

/* From then on it pays to choose: something has to go for what comes. */
static inline bool policy_is_full(uint64_t slabs_on_disk, uint64_t slabs_max)
{
    return slabs_on_disk + 1 >= slabs_max;
}

/* Does a block of so many bytes fit into a slab, behind `position`, with the table of all its blocks? */
static inline bool policy_fits(uint64_t position, uint64_t blocks_count, uint64_t block_bytes, uint64_t slab_bytes)
{
    return position + block_bytes + contents_bytes(blocks_count + 1) <= slab_bytes;
}

/* How much of a slab that goes may be written anew: what is in use of nearly each one, and room is left for what
 * comes. With half of it there would be 0.8 points fewer hits on the trace of docs/tier.md, and a sixth fewer writes.
 */
static inline uint64_t policy_stays_max(uint64_t slab_bytes)
{
    return slab_bytes / 4 * 3;
}

/* Is this block of it, when so much more may be? */
static inline bool policy_stays(unsigned uses, uint64_t block_bytes, uint64_t stays_max)
{
    return uses >= POLICY_USES_TO_STAY && block_bytes <= stays_max;
}
