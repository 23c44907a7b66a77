/* server/object/guide_cache.h -- what small objects of one prefix have in common: the guides of their columns.
 *
 * An object of one frame cannot pay a look for its plan (codec/choice/columns_guide.h). Objects whose keys are alike up
 * to the last slash mostly hold the same kind of bytes: they share one guide, and its credit. So does what the shard
 * gives to prefixes that are new: a flood of prefixes with one object each is not looked at for ever. Of one shard;
 * bounded, the prefix that was used longest ago goes first. */
#pragma once

#include "codec/choice/columns_guide.h"
#include "store/bucket.h"

#include <stdint.h>

enum { GUIDE_CACHE_ENTRIES = 256 }; /* of 1.1 KiB */

struct guide_cache;

struct guide_cache *guide_cache_create(void); /* NULL: no memory */
void guide_cache_destroy(struct guide_cache *cache);

/* Names the bucket and the key up to its last slash. Two prefixes with one id would share a guide, no more. */
uint64_t guide_cache_id(const struct object_name *name);

/* A copy of the prefix's guide, before the first frame of an object. */
void guide_cache_take(struct guide_cache *cache, uint64_t id, struct columns_guide *ret_guide);
/* ... and what it has become behind the last one. */
void guide_cache_give(struct guide_cache *cache, uint64_t id, const struct columns_guide *guide);
