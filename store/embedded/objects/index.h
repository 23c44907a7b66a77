/* store/embedded/objects/index.h -- the index of a body's frames, as it is kept beside its row: S4's sidecar. */
#pragma once

#include "store/bucket.h"

/* Puts a sidecar made of the frames into the result, if it has none and there are several. The buffer is the caller's
 * to free. */
void store_index(struct write_result *result, struct buffer *ret_sidecar);
