/* server/object/unchanged.h -- is an object still what is about to be written again in its place?
 *
 * Tags change without the ETag, and so does what a copy of an object onto itself sets: no condition of a write sees
 * that, on any server of S3. So both are compared once more when all is ready to be written; what somebody sets during
 * that last request is lost. */
#pragma once

#include "store/bucket.h"

/* `then` and `tags` are what was read of it; where the store keeps no tags, none are asked for. ERROR_CHANGED: it is
 * another object, or has other metadata or tags. */
SUSPENDS bool object_expect_unchanged(struct bucket_store *store, const struct object_name *name,
                                      const struct object_attributes *then, struct span tags, struct error *error);
