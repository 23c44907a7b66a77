/* server/backend/tier.h -- the tier before a bucket, as the options say, and its figures. docs/tier.md says what it is
 * for. */
#pragma once

#include "server/backend/backend.h"
#include "store/tier/tier.h"

/* *ret_tier NULL: the options name none. False: the folder cannot be one, or it is too small for so many shards. */
bool backend_tier_open(const struct backend_means *means, struct tier **ret_tier, struct error *error);
/* There is one: what it holds of a key is forgotten; remote_forget_near says more. On an attached shard. */
SUSPENDS bool backend_tier_forget(const struct backend *backend, const struct object_name *name, uint64_t *ret_blocks,
                                  struct error *error);
/* Appends struct backend_figure. Any thread. */
void backend_tier_figures(struct tier *tier, struct buffer *ret_figures);
