/* store/embedded/change/object_batch.h -- what changes of objects do inside the committer's transaction. */
#pragma once

#include "store/embedded/change/batch.h"

bool object_put(struct batch *batch, struct change *change, struct error *error);
/* Of a new version: its lock as the bucket makes it. InvalidRequest: the bucket has no locks. */
bool object_settle_lock(struct batch *batch, const struct bucket_info *bucket, struct object_lock *lock,
                        struct error *error);
bool objects_delete(struct batch *batch, struct change *change, struct error *error);
