/* server/maintenance/replaced_version.h -- in a bucket of an S3 server that keeps versions: the version that the
 * current one was made of, by a rewrite, is removed.
 *
 * They are a pair if the current one says so (it has the digest of the other's version), if nothing lies between
 * them, and if both have the same time, size and ETag for clients. So it is found again where a run was killed between
 * the two steps; and what somebody has put since is never taken for one of them. The version goes by its id, which is
 * never another's; right before that it is asked whether the pair still stands so. In between, by the time of one
 * request, a client could remove the current one, and so make the other the current one. */
#pragma once

#include "store/bucket.h"

/* The current version of `name`. True: what there was to be removed is gone, or there was nothing. ERROR_DENIED: a lock
 * keeps it. */
SUSPENDS bool replaced_version_remove(struct bucket_store *store, const struct object_name *name, struct error *error);
