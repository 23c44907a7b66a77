/* runtime/fiber/memory_budget.h -- so many bytes for bodies in flight, shared by the fibers of one shard.
 *
 * Who finds too few left waits in line; nobody overtakes, so that a large wish is not starved by small ones. What is
 * taken in one go is given back in one go. A fiber takes all that it needs at once: one that waited while holding a
 * share could wait for itself.
 *
 * Budgets of several shards may draw on one reserve, so that it does not matter on which of them the connections are.
 * Each shard has its own line; who is first in one looks now and then for what others have given back.
 *
 * Memory that is only kept in case it is needed again may be taken, too: whoever keeps it takes none while there are
 * waiters, and gives it back in make_room. */
#pragma once

#include "runtime/fiber/wait.h"

#include <stdatomic.h>

/* Any thread. */
struct memory_reserve {
    size_t bytes_max;
    _Atomic size_t used;
    _Atomic unsigned waiting; /* fibers of all shards */
};

struct memory_budget {
    size_t bytes_max;
    size_t used;                    /* by this shard */
    struct memory_reserve *reserve; /* NULL: it is this shard's alone */
    struct list_link line;
    /* Called once for a wish of `bytes` that would have to wait; must not suspend. NULL: nothing is kept. */
    void (*make_room)(struct memory_budget *budget, size_t bytes);
};

void memory_budget_init(struct memory_budget *budget, size_t bytes_max);
/* All of the reserve may be taken by one shard. It outlives the budget. */
void memory_budget_init_shared(struct memory_budget *budget, struct memory_reserve *reserve);
/* A wish beyond bytes_max counts as bytes_max: it waits until nothing else is taken. ERROR_TIMED_OUT, ERROR_CANCELLED.
 */
SUSPENDS bool memory_budget_take(struct memory_budget *budget, size_t bytes, deadline_t deadline, struct error *error);
/* Without waiting, and not before those in line. False: there are too few. */
bool memory_budget_take_at_once(struct memory_budget *budget, size_t bytes);
void memory_budget_give(struct memory_budget *budget, size_t bytes);
/* On any shard that shares it. */
bool memory_budget_has_waiters(const struct memory_budget *budget);
/* By all who share it. */
size_t memory_budget_used(const struct memory_budget *budget);
