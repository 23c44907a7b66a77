/* runtime/base/sights.h -- the memory that something was asked for, by its hash: what is asked for a second time is
 * worth keeping.
 *
 * A table of 32-bit hashes in sets of sixteen, one cache line; the oldest of a set gives way. Many more than a cache
 * has places let in what is not asked for again, fewer forget too soon. Shared by all threads without a lock: a sight
 * that is overtaken is lost. Any thread. */
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
