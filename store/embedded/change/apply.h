/* store/embedded/change/apply.h -- a change, whatever its kind, inside the committer's transaction. */
#pragma once

#include "store/embedded/change/batch.h"

/* Sets change->succeeded, and *change->error when not. */
void change_apply(struct batch *batch, struct change *change);
