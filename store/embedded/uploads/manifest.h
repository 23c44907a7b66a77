/* store/embedded/uploads/manifest.h -- what an object that was completed from parts says of itself in a volume.
 *
 * Parts have no labels: they are no object yet when they are written. So a completed object gets a label in blocks of
 * its own, with its pieces and its part map, from which a lost catalogue is rebuilt. It is written when the object is
 * there already: without it, the object is as good as any other, as long as the catalogue is. Its blocks are the last,
 * empty piece of the object: they are freed with the others. */
#pragma once

#include "store/embedded/state.h"

/* Writes the manifest of an object that was just completed, as well as it can be done. */
SUSPENDS void manifest_write(struct shard *shard, const struct object_name *name, const struct row *row);
