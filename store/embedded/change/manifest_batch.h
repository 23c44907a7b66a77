/* store/embedded/change/manifest_batch.h -- a completed object has a label now, inside the committer's transaction. */
#pragma once

#include "store/embedded/change/batch.h"

/* The object has a manifest, unless it is another object by now. */
bool manifest_note(struct batch *batch, struct change *change, struct error *error);
