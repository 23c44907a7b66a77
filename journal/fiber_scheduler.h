/* journal/fiber_scheduler.h -- fibers for the journal: a struct journal_scheduler over runtime/.
 *
 * Sleeps and waits end early, and say so, when the scheduler stops or their fiber is cancelled. A wait that says so has
 * let others run: whoever waits in a loop for something that a task is going to do does not keep the task from it.
 *
 * One shard. */
#pragma once

#include "journal/store.h"

struct fiber_scheduler {
    struct journal_scheduler base;
    struct list_link waits; /* under way */
    struct wait_queue sleepers;
    struct wait_queue ended;
    unsigned tasks; /* that were spawned and have not ended */
    bool is_stopping;
};

void fiber_scheduler_init(struct fiber_scheduler *scheduler);

/* From now on every sleep and wait ends; returns when all tasks have, or at the deadline. May be called again. True: no
 * task is left. */
SUSPENDS bool fiber_scheduler_stop(struct fiber_scheduler *scheduler, deadline_t deadline);
