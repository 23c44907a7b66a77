/* store/joiner/join.h -- the joiner's own parts: pieces copied into stored parts. */
#pragma once

#include "store/joiner/joiner.h"
#include "store/joiner/runs.h"

#include <pthread.h>

/* One upload whose runs are being joined. */
struct join_claim {
    char upload_id[UPLOAD_ID_BYTES];
    bool is_taken;
    bool is_early; /* while parts arrive */
};

struct joiner {
    struct bucket_store base;
    struct bucket_store *inner;
    pthread_mutex_t lock; /* of the claims; held for a look at them, never while anything is done */
    struct join_claim claims[JOINS_MAX];
};

/* Which upload a call is about. */
struct join_target {
    struct joiner *joiner;
    const struct object_name *name;
    struct span upload_id;
};

/* The right to join: for a Complete, or early, which is given to one fiber at a time for an upload and to half of
 * JOINS_MAX altogether. NULL: not now. */
struct join_claim *join_claim_take(struct joiner *joiner, struct span upload_id, bool is_early);
void join_claim_drop(struct joiner *joiner, struct join_claim *claim);

/* Joins what has come together around a piece that was just staged. Nothing depends on it: what fails or is already
 * being done by somebody else is done later. */
SUSPENDS void join_around(const struct join_target *target, unsigned number);

/* For a Complete, which has a claim: every piece in order becomes part of a stored part. Appends struct part_choice,
 * for the inner store.
 */
SUSPENDS bool join_all(const struct join_target *target, const struct staged_piece *pieces, unsigned count,
                       struct buffer *ret_choices, struct error *error);
