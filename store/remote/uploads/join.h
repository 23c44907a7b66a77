/* store/remote/uploads/join.h -- the parts that were chosen, made into stored parts of the backend's upload. */
#pragma once

#include "store/remote/uploads/claim.h"
#include "store/remote/uploads/followed.h"
#include "store/remote/uploads/plan.h"

/* What is joined: pieces in order, and what ends the last stored part. */
struct joining {
    const struct upload_place *place;
    const struct piece_list *list;
    const unsigned *chosen; /* indices into the list */
    unsigned count;
    struct buffer steps; /* of join_plan */
    struct span trailer;
    struct claim *claim;                /* that holds the upload meanwhile */
    const struct followed_upload *held; /* what waits of it in memory; NULL: nothing */
    unsigned held_first;                /* the pieces from this one on are what waits, while it does */
};

/* Plans: fills in `steps`, which the caller frees, and `held_first`. *ret_size: of all stored parts, without the
 * trailer. *ret_is_padded: frames do not follow each other without gaps. */
bool join_prepare(struct joining *joining, uint64_t *ret_size, bool *ret_is_padded, struct error *error);
/* Copies and gathers; appends all stored parts to the list of `large`. InvalidPart where a piece has been replaced
 * meanwhile, NoSuchUpload when somebody else has ended the upload. */
SUSPENDS bool join_pieces(const struct joining *joining, const struct backend_name *target, struct large_body *large,
                          struct error *error);
