/* runtime/memory_budget.c -- a counter of bytes with a line of fibers before it. */
#include "runtime/memory_budget.h"

#include "runtime/base/assert.h"

/* One place in the line, on the waiting fiber's stack. */
struct wish {
    struct list_link link;
    size_t bytes;
    bool is_granted;
    struct wait_queue waiter;
};

void memory_budget_init(struct memory_budget *budget, size_t bytes_max)
{
    budget->bytes_max = bytes_max;
    budget->used = 0;
    list_init(&budget->line);
}

static size_t bounded(const struct memory_budget *budget, size_t bytes)
{
    return bytes < budget->bytes_max ? bytes : budget->bytes_max;
}

static void grant_waiting(struct memory_budget *budget)
{
    while (!list_is_empty(&budget->line)) {
        struct wish *first = LIST_ELEMENT(budget->line.next, struct wish, link);
        if (first->bytes > budget->bytes_max - budget->used)
            return;
        budget->used += first->bytes;
        first->is_granted = true;
        list_remove(&first->link);
        wait_wake_one(&first->waiter);
    }
}

SUSPENDS bool memory_budget_take(struct memory_budget *budget, size_t bytes, deadline_t deadline, struct error *error)
{
    bytes = bounded(budget, bytes);
    if (list_is_empty(&budget->line) && bytes <= budget->bytes_max - budget->used) {
        budget->used += bytes;
        return true;
    }
    struct wish wish = {.bytes = bytes};
    wait_queue_init(&wish.waiter);
    list_append(&budget->line, &wish.link);
    while (!wish.is_granted)
        if (!wait_for(&wish.waiter, deadline, error) && !wish.is_granted) {
            list_remove(&wish.link);
            grant_waiting(budget); /* those behind may have waited for this one only */
            return false;
        }
    return true;
}

void memory_budget_give(struct memory_budget *budget, size_t bytes)
{
    bytes = bounded(budget, bytes);
    ASSERT(bytes <= budget->used);
    budget->used -= bytes;
    grant_waiting(budget);
}

bool memory_budget_has_waiters(const struct memory_budget *budget)
{
    return !list_is_empty(&budget->line);
}
