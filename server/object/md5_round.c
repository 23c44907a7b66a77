/* server/object/md5_round.c -- whoever comes first opens a round, and computes it a turn of the loop later. */
#include "server/object/md5_round.h"

#include "runtime/base/assert.h"

enum { WORTH_IT_BYTES = 2 << 10 };

void md5_round_enter(struct md5_round *round)
{
    round->bodies++;
}

void md5_round_leave(struct md5_round *round)
{
    ASSERT(round->bodies > 0);
    round->bodies--;
}

static void join(struct md5_round *round, struct md5_lane lane)
{
    round->lanes[round->count] = lane;
    round->fibers[round->count++] = fiber_current();
}

/* Four at a time, between which other fibers have their turn. */
SUSPENDS static void compute(struct md5_round *round)
{
    struct md5_round closed = *round;
    round->count = 0; /* who comes now opens another one */
    for (unsigned first = 0; first < closed.count; first += MD5_LANES) {
        unsigned count = closed.count - first < MD5_LANES ? closed.count - first : MD5_LANES;
        md5_update_lanes(closed.lanes + first, count);
        fiber_yield_if_due();
    }
    for (unsigned i = 1; i < closed.count; i++)
        fiber_wake(closed.fibers[i]);
}

SUSPENDS bool md5_round_update(struct md5_round *round, struct md5_lane lane)
{
    ASSERT(round->bodies > 0);
    if (round->bodies == 1 || lane.bytes.size < WORTH_IT_BYTES || round->count == MD5_ROUND_MOST)
        return false;
    ASSERT(fiber_current() != NULL);
    bool is_first = round->count == 0;
    join(round, lane);
    if (!is_first) {
        fiber_suspend();
        return true;
    }
    fiber_yield();
    if (round->count > 1) {
        compute(round);
        return true;
    }
    round->count = 0;
    return false;
}
