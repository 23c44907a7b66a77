/* server/lifecycle/move.h -- a version moves to another storage class, and its body is packed at the level of that
 * class
 * (--class), where that makes it smaller.
 *
 * Prepared while rules may be replaced, committed in the turn in which they cannot (sweep.c). The committing step asks
 * whether the version still has the bytes that were found here, and the grounds of the judgement. */
#pragma once

#include "server/lifecycle/runner.h"
#include "server/lifecycle/walk.h"
#include "server/object/object_rewrite.h"

struct lifecycle_move {
    struct lifecycle_runner *runner;
    struct object_name name; /* with its version */
    const struct deletion_grounds *grounds;
    struct arena arena;
    struct object_attributes found;
    struct buffer metadata;        /* as it is to be */
    struct object_rewrite *packed; /* its body at the level of the class; NULL: it stays */
};

/* `order`, `bucket` and the grounds of the judgement must live until the end. Either way the move must be ended.
 * ERROR_CANCELLED: the process is ending. */
SUSPENDS bool lifecycle_move_prepare(struct lifecycle_move *move, struct lifecycle_runner *runner, struct span bucket,
                                     const struct lifecycle_order *order, const struct deletion_grounds *grounds,
                                     struct error *error);
/* ERROR_CHANGED: it is not what was judged any more. */
SUSPENDS bool lifecycle_move_commit(struct lifecycle_move *move, struct error *error);
SUSPENDS void lifecycle_move_end(struct lifecycle_move *move);
