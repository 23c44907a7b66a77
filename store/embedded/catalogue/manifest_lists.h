/* store/embedded/catalogue/manifest_lists.h -- the lists in the label of an object that was completed from parts: size
 * of the pieces u32, pieces, part map (uploads/manifest.h). */
#pragma once

#include "store/embedded/catalogue/row.h"

/* The lists of a manifest: what label.extents holds. */
struct manifest {
    struct span pieces;
    struct span part_map;
};
void manifest_encode(struct span pieces, struct span part_map, struct buffer *ret_lists);
bool manifest_decode(struct span lists, struct manifest *ret_manifest);
/* The same pieces, and behind them the empty one that lies in `extent`. */
bool manifest_add_piece(struct span pieces, uint64_t body_bytes, const struct extent *extent, struct buffer *ret_pieces,
                        struct error *error);
