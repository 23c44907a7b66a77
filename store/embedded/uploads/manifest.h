/* store/embedded/uploads/manifest.h -- what an object that was completed from parts says of itself in a volume.
 *
 * Parts have no labels: they are no object yet when they are written. So a completed object gets a label in blocks of
 * its own, with its pieces and its part map, from which a lost catalogue is rebuilt. It is written when the object is
 * there already: without it, the object is as good as any other, as long as the catalogue is. Its blocks are the last,
 * empty piece of the object: they are freed with the others. */
#pragma once

#include "store/embedded/commit/batch.h"

/* The lists of a manifest: what label.extents holds. */
struct manifest {
    struct span pieces;
    struct span part_map;
};
bool manifest_decode(struct span lists, struct manifest *ret_manifest);
/* The same pieces, and behind them the empty one that lies in `extent`. */
bool manifest_add_piece(struct span pieces, uint64_t body_bytes, const struct extent *extent, struct buffer *ret_pieces,
                        struct error *error);

/* Writes the manifest of an object that was just completed, as well as it can be done. */
SUSPENDS void manifest_write(struct shard *shard, const struct object_name *name, const struct row *row);
/* On the committer: the object has a manifest, unless it is another object by now. */
bool manifest_note(struct batch *batch, struct change *change, struct error *error);
