/* store/remote/write/among_versions.h -- what was written, and replaced since: a bucket that keeps versions still has
 * it. */
#pragma once

#include "store/remote/write/target.h"

/* Looks for the write with this nonce among the versions that are newer than `before`, which it was to replace:
 * target's etag and version are its own then. A list, and a HEAD for each that is newer; *ret_found false also when
 * there are too many. Nothing is asked where the backend keeps no versions. */
SUSPENDS bool among_versions_find(struct write_target *target, const struct write_target *before,
                                  const uint8_t nonce[STAMP_NONCE_BYTES], bool *ret_found, struct error *error);
