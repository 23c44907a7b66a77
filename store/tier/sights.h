/* store/tier/sights.h -- the memory that a block was asked for: what is asked for a second time is worth keeping.
 *
 * A table of 32-bit hashes in sets of sixteen, one cache line; the oldest of a set gives way. It holds half as many
 * blocks as the tier does: more lets in what is not asked for again, fewer forgets too soon. Shared by all shards
 * without a lock: a sight that is overtaken is lost. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sights;

/* NULL: there is no such memory. */
struct sights *sights_create(uint64_t count);
void sights_destroy(struct sights *sights);

/* Was it asked for before, as far as is remembered? From now on it was. */
bool sights_note(struct sights *sights, uint64_t hash);
