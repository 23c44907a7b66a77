/* store/embedded/repair/rebuild.h -- what the files of a rebuild share. */
#pragma once

#include "store/embedded/catalogue/row.h"

struct embedded_store;

/* Where the bytes of a label's object lie. */
struct rebuilt_body {
    struct buffer extents; /* all, those of its manifest, too */
    struct buffer pieces;  /* of an object that was completed from parts: encoded */
    struct span part_map;
};

/* The index of a framed body, from its frames; nothing when it has but one, or is not what it should be: reads without
 * a sidecar are slower, not wrong. Blocks. */
void rebuild_sidecar(const struct embedded_store *store, const struct row *row, const struct rebuilt_body *body,
                     struct buffer *ret_sidecar);
