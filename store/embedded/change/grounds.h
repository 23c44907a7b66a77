/* store/embedded/change/grounds.h -- what was decided long before it is done, inside the committer's transaction: does
 * all that it was decided by still hold? */
#pragma once

#include "store/embedded/change/version_batch.h"

/* `is_of_current`: the version must be the current one. False: ERROR_CHANGED, or the version cannot be read; nothing
 * may be done. */
bool grounds_hold(struct batch *batch, const struct version_key *key, bool is_of_current,
                  const struct deletion_grounds *grounds, struct error *error);
