/* store/remote/uploads/join.h -- the parts that were chosen, made into stored parts of one upload of the backend. */
#pragma once

#include "store/remote/uploads/plan.h"
#include "store/remote/uploads/upload.h"

/* What is joined: pieces in order, and what ends the last stored part. */
struct joining {
    const struct upload_place *place;
    const struct piece_list *list;
    const unsigned *chosen; /* indices into the list */
    unsigned count;
    struct span trailer;
    struct backend_name target;
    struct span upload_id; /* the backend's */
};
/* Appends the stored parts' ETags in order: u8 size, text. InvalidPart where a piece has been replaced meanwhile. */
SUSPENDS bool join_pieces(const struct joining *joining, struct buffer *ret_etags, unsigned *ret_count,
                          struct error *error);
