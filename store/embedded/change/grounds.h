/* store/embedded/change/grounds.h -- deletions that were decided long before they are made, inside the committer's
 * transaction: does all that they were decided by still hold? */
#pragma once

#include "store/embedded/change/version_batch.h"

/* item->grounds is not NULL. False: ERROR_CHANGED, or the version cannot be read; nothing may be deleted. */
bool grounds_hold(struct batch *batch, const struct version_key *key, const struct delete_item *item,
                  struct error *error);
