/* store/embedded/change/rewrite_batch.h -- a version's body is packed anew, inside the committer's transaction.
 *
 * The row is taken as it is found here, and only what describes its body is replaced: tags, lock and grants that were
 * set while the body was being packed stay. The old body goes as one that was overwritten does. */
#pragma once

#include "store/embedded/change/batch.h"

bool object_rewrite(struct batch *batch, struct change *change, struct error *error);

/* As upload_growth has it. */
uint64_t rewrite_growth(const struct change *change);
