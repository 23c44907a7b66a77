/* runtime/memory_budget.h -- so many bytes for bodies in flight, shared by the fibers of one shard.
 *
 * Who finds too few left waits in line; nobody overtakes, so that a large wish is not starved by small ones. What is
 * taken in one go is given back in one go. A fiber takes all that it needs at once: one that waited while holding a
 * share could wait for itself. */
#pragma once

#include "runtime/wait.h"

struct memory_budget {
    size_t bytes_max;
    size_t used;
    struct list_link line;
};

void memory_budget_init(struct memory_budget *budget, size_t bytes_max);
/* A wish beyond bytes_max counts as bytes_max: it waits until nothing else is taken. ERROR_TIMED_OUT, ERROR_CANCELLED.
 */
SUSPENDS bool memory_budget_take(struct memory_budget *budget, size_t bytes, deadline_t deadline, struct error *error);
void memory_budget_give(struct memory_budget *budget, size_t bytes);
bool memory_budget_has_waiters(const struct memory_budget *budget);
