/* runtime/fiber/memory_budget.c -- a counter of bytes with a line of fibers before it. */
#include "runtime/fiber/memory_budget.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"

enum { LOOK_MS = 20 }; /* at what other shards have given back */

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
    budget->reserve = NULL;
    budget->make_room = NULL;
    list_init(&budget->line);
}

void memory_budget_init_shared(struct memory_budget *budget, struct memory_reserve *reserve)
{
    memory_budget_init(budget, reserve->bytes_max);
    budget->reserve = reserve;
}

static bool take_from(struct memory_reserve *reserve, size_t bytes)
{
    size_t used = atomic_load(&reserve->used);
    do {
        if (bytes > reserve->bytes_max - used)
            return false;
    } while (!atomic_compare_exchange_weak(&reserve->used, &used, used + bytes));
    return true;
}

static bool take_now(struct memory_budget *budget, size_t bytes)
{
    if (bytes > budget->bytes_max - budget->used || (budget->reserve != NULL && !take_from(budget->reserve, bytes)))
        return false;
    budget->used += bytes;
    return true;
}

static size_t bounded(const struct memory_budget *budget, size_t bytes)
{
    return bytes < budget->bytes_max ? bytes : budget->bytes_max;
}

/* ---- the line ---- */

static void grant_waiting(struct memory_budget *budget)
{
    while (!list_is_empty(&budget->line)) {
        struct wish *first = LIST_ELEMENT(budget->line.next, struct wish, link);
        if (!take_now(budget, first->bytes))
            return;
        first->is_granted = true;
        list_remove(&first->link);
        wait_wake_one(&first->waiter);
    }
}

bool memory_budget_take_at_once(struct memory_budget *budget, size_t bytes)
{
    return list_is_empty(&budget->line) && take_now(budget, bytes);
}

SUSPENDS static bool wait_in_line(struct memory_budget *budget, size_t bytes, deadline_t deadline, struct error *error)
{
    struct wish wish = {.bytes = bytes};
    wait_queue_init(&wish.waiter);
    list_append(&budget->line, &wish.link);
    while (!wish.is_granted) {
        deadline_t look = budget->reserve == NULL ? DEADLINE_NONE : deadline_after_ms(LOOK_MS);
        if (wait_for(&wish.waiter, look < deadline ? look : deadline, error) || wish.is_granted)
            continue;
        bool is_over = look >= deadline || error->kind != ERROR_TIMED_OUT;
        if (is_over)
            list_remove(&wish.link);
        grant_waiting(budget); /* those behind may have waited for this one only */
        if (is_over)
            return false;
    }
    return true;
}

/* Counted before anybody is asked for room: who is asked then sees that somebody waits, and keeps nothing new. */
SUSPENDS bool memory_budget_take(struct memory_budget *budget, size_t bytes, deadline_t deadline, struct error *error)
{
    bytes = bounded(budget, bytes);
    if (memory_budget_take_at_once(budget, bytes))
        return true;
    if (budget->reserve != NULL)
        atomic_fetch_add(&budget->reserve->waiting, 1);
    if (budget->make_room != NULL)
        budget->make_room(budget, bytes);
    bool done = memory_budget_take_at_once(budget, bytes) || wait_in_line(budget, bytes, deadline, error);
    if (budget->reserve != NULL)
        atomic_fetch_sub(&budget->reserve->waiting, 1);
    return done;
}

void memory_budget_give(struct memory_budget *budget, size_t bytes)
{
    bytes = bounded(budget, bytes);
    ASSERT(bytes <= budget->used);
    budget->used -= bytes;
    if (budget->reserve != NULL)
        atomic_fetch_sub(&budget->reserve->used, bytes);
    grant_waiting(budget);
}

bool memory_budget_has_waiters(const struct memory_budget *budget)
{
    return budget->reserve == NULL ? !list_is_empty(&budget->line) : atomic_load(&budget->reserve->waiting) > 0;
}

size_t memory_budget_used(const struct memory_budget *budget)
{
    return budget->reserve == NULL ? budget->used : atomic_load(&budget->reserve->used);
}
