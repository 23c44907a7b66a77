/* server/object/guide_cache.h -- what small objects of one prefix have in common: the guides of their columns.
 *
 * An object of one frame cannot pay a look for its plan (codec/choice/columns_guide.h). Objects whose keys are alike up
 * to the last slash mostly hold the same kind of bytes: they share one guide, and its credit. A prefix that is new
 * begins with the plan of objects elsewhere in the bucket whose names end like its own (".npy"), where its bytes look
 * like theirs. What has no guide that has looked is lent a look, as long as the shard has credit, and gives back what
 * it did not need: a flood of prefixes with one object each, and each of another kind, is not looked at for ever. Of
 * one shard; bounded, what was used longest ago goes first. */
#pragma once

#include "codec/choice/columns_guide.h"
#include "store/bucket.h"

#include <stdint.h>

enum { GUIDE_CACHE_ENTRIES = 256 }; /* of 1.1 KiB */

struct guide_cache;

struct guide_cache *guide_cache_create(void); /* NULL: no memory */
void guide_cache_destroy(struct guide_cache *cache);

/* An object's, from its first frame to its last. */
struct guide_share {
    uint64_t
        prefix; /* digest of the bucket, and of the key up to its last slash; two of one value would share a guide */
    uint64_t ending; /* of the bucket, and of what follows the last dot behind that slash, without digits */
    int64_t lent;    /* of the guide's credit, by the shard */
};
struct guide_share guide_cache_share(const struct object_name *name);

/* A copy of the prefix's guide, before the first frame of an object. */
void guide_cache_take(struct guide_cache *cache, struct guide_share *share, struct columns_guide *ret_guide);
/* ... and what it has become behind the last one. Who does not come so far keeps what was lent. */
void guide_cache_give(struct guide_cache *cache, const struct guide_share *share, const struct columns_guide *guide);
