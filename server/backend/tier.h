/* server/backend/tier.h -- the tier before a bucket, as the options say, and its figures. docs/tier.md says what it is
 * for. */
#pragma once

#include "server/backend/backend.h"
#include "store/tier/tier.h"

/* backend->tier, and the price of what it spares. NULL: the options name none. False: the folder cannot be one, it is
 * too small for so many shards, or the prices are none. */
bool backend_tier_open(const struct backend_means *means, struct backend *backend, struct error *error);
/* There is one: what it holds of a key is forgotten; remote_forget_near says more. On an attached shard. */
SUSPENDS bool backend_tier_forget(const struct backend *backend, const struct object_name *name, uint64_t *ret_blocks,
                                  struct error *error);
/* Appends struct backend_figure. Any thread. */
void backend_tier_figures(const struct backend *backend, struct buffer *ret_figures);

/* What the bucket was not asked for since the start, and what that would have cost. */
struct backend_tier_saved {
    uint64_t bytes;
    uint64_t requests; /* of GETs that went by a question which another one had asked, or by none */
    uint64_t further;  /* ... that there would not have been without a tier: for what was absent */
    double money;      /* never below 0 */
};
void backend_tier_saved(const struct backend *backend, struct backend_tier_saved *ret_saved);
