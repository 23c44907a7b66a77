/* store/remote/read/flight.h -- one fetch of a revision's bytes that several readers of a shard share, on its way into
 * the tier.
 *
 * Whoever wants the next block takes it from the stream, with its own fiber, and gives it to the tier; the others wait
 * for that block alone. So nobody waits for the whole, a reader that leaves takes nothing along, and one whose client
 * is slow holds nobody up: what has passed it lies in the tier. A flight ends when nobody is left who reads from it.
 *
 * It belongs to one shard, as its connection does: each shard fetches what it needs for itself. All on its thread. */
#pragma once

#include "store/remote/read/object.h"

struct flight;

/* The one that will come to this block soon, held until flight_leave. NULL: there is none. */
struct flight *flight_join(struct remote_shard *shard, const struct block_name *name);
/* A new one, from this block on, for whose stream the caller has sent a request, or has one already: the others wait
 * until it has called one of the next two. Held likewise. */
struct flight *flight_begin(struct remote_shard *shard, const struct block_name *name);
/* Does the stream stand at the block, and reach to its end? */
bool flight_can_use(const struct fetch *stream, const struct block_name *name);
/* ... at the flight's first block? */
bool flight_can_open(const struct flight *flight, const struct fetch *stream);
/* `stream` can open it, and is the flight's from now on, which comes to the blocks that are whole in it. */
void flight_open(struct flight *flight, struct fetch *stream);
/* There is none: whoever wants a block opens one. */
void flight_open_later(struct flight *flight);
bool flight_is_of(const struct flight *flight, const struct block_revision *revision);
/* NULL: nothing is done. */
void flight_leave(struct flight *flight);

enum flight_outcome {
    FLIGHT_TOOK,   /* the block is in object->tiered.block */
    FLIGHT_KEPT,   /* it has come into the tier meanwhile */
    FLIGHT_PASSED, /* it does not come to this block, or not any more */
    FLIGHT_LATE,   /* it has not moved for seconds: whoever waits had better fetch for itself */
    FLIGHT_FAILED, /* as remote_read_backend */
};
/* Until the flight has come to the block. */
SUSPENDS enum flight_outcome flight_follow(struct flight *flight, struct remote_object *object,
                                           const struct block_name *name, struct error *error);
