/* server/lifecycle/renewal.h -- keeps a sweep's record fresh while its fiber is busy with one thing for long.
 *
 * A record that has not changed for --lifecycle-takeover is taken over by another process. The sweep writes it between
 * one thing that it does and the next; while an object is written again, which may take minutes, a fiber of its own
 * does. Between begin and end nobody else may touch the record, nor ask whether it stands. Shard 0. */
#pragma once

#include "server/lifecycle/sweep.h"

struct sweep_renewal {
    struct lifecycle_sweep *sweep;
    struct wait_queue wake; /* the fiber sleeps here */
    struct wait_queue ended;
    bool is_over;
    bool is_inside; /* the fiber has not ended */
};

/* Nothing over a store that only this process has. Where there is no fiber nothing is renewed. `renewal` is not moved
 * until the end. */
void sweep_renewal_begin(struct sweep_renewal *renewal, struct lifecycle_sweep *sweep);
/* Waits for a write that is under way. Whether the record is still this process's the sweep asks afterwards. */
SUSPENDS void sweep_renewal_end(struct sweep_renewal *renewal);
