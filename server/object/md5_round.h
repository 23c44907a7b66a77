/* server/object/md5_round.h -- the ETags of bodies that arrive at one time on one shard: their MD5s are computed side
 * by side (s3client/wire/md5_lanes.h).
 *
 * Of an upload by itself MD5 takes as long as compressing it; beside others it takes a third of that. Nobody waits for
 * bytes that have not come: whoever has some while other bodies are arriving, too, lets the other fibers have their
 * turn and takes what they then have with its own. Bodies of a few KiB, which come by the dozen from as many clients,
 * have a round of their own, so that they do not wait for pieces of long ones. One shard's. */
#pragma once

#include "runtime/fiber/fiber.h"
#include "s3client/wire/md5_lanes.h"

enum { MD5_ROUND_MOST = 16 };

struct md5_round {
    unsigned bodies; /* that arrive now */
    unsigned count;  /* of those that have bytes; 0: no round is open */
    struct md5_lane lanes[MD5_ROUND_MOST];
    struct fiber *fibers[MD5_ROUND_MOST]; /* the first one computes, the others sleep */
};

/* A body begins to arrive; it has all come, or is given up. */
void md5_round_enter(struct md5_round *round);
void md5_round_leave(struct md5_round *round);

/* What md5_update_lanes does to the lane, with others. False: nothing is done, as there are no others, or it is not
 * worth it. Called on a fiber between enter and leave; the bytes stay until it returns, whoever is cancelled. */
SUSPENDS bool md5_round_update(struct md5_round *round, struct md5_lane lane);
