/* store/embedded/change/object_batch.h -- what changes of objects do inside the committer's transaction. */
#pragma once

#include "store/embedded/change/batch.h"

bool object_put(struct batch *batch, struct change *change, struct error *error);
bool objects_delete(struct batch *batch, struct change *change, struct error *error);
