/* store/tier/memory.h -- blocks of a tier in memory: what was read from disk or fetched of late, verified.
 *
 * One for all shards, in stripes, each with a lock that is held for a look into a table. A block never changes; whoever
 * found it holds it, and it lives until the last has given it back, whether it still has its place or not. The least
 * recently used of a stripe gives way. Places take `bytes_max` at most, with what stands beside the bytes; what is held
 * without a place comes to it.
 *
 * Any thread. Nothing here suspends. */
#pragma once

#include "store/tier/block.h"

struct tier_memory;
struct memory_block;

struct tier_memory *memory_create(uint64_t bytes_max);
void memory_destroy(struct tier_memory *memory); /* every block must have been given back */

/* NULL: it is not there. Held until memory_give. */
struct memory_block *memory_find(struct tier_memory *memory, const struct block_name *name);
/* Is it there? It is not used by that. */
bool memory_has(struct tier_memory *memory, const struct block_name *name);
/* Copied in, if there is room for one at all. */
void memory_put(struct tier_memory *memory, const struct block_name *name, struct span payload);
void memory_clear(struct tier_memory *memory); /* of everything */
void memory_drop(struct tier_memory *memory, const struct block_name *name);

struct span memory_block_payload(const struct memory_block *block);
void memory_give(struct memory_block *block); /* NULL: nothing is done */

/* Had a block to give way to another one? */
bool memory_was_full(const struct tier_memory *memory);
uint64_t memory_used(struct tier_memory *memory);
