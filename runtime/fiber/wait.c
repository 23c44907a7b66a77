/* runtime/fiber/wait.c -- fibers of one shard that wait for each other, first come first served. */
#include "runtime/fiber/wait.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"

#include <errno.h>

struct waiter {
    struct list_link link; /* in the queue; alone once it is to wake */
    struct fiber_wait wait;
    struct timer timer;
    struct fiber *fiber;
    int reason; /* why it ends: 0 when woken */
    bool pending;
};

void wait_queue_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

static void end_wait(struct waiter *waiter, int reason)
{
    if (!waiter->pending)
        return;
    waiter->pending = false;
    waiter->reason = reason;
    list_remove(&waiter->link);
    fiber_wake(waiter->fiber);
}

static void interrupt(struct fiber_wait *wait, int reason)
{
    end_wait(LIST_ELEMENT(wait, struct waiter, wait), reason);
}

static void time_out(struct timer *timer)
{
    end_wait(LIST_ELEMENT(timer, struct waiter, timer), -ETIMEDOUT);
}

static bool explain(int reason, struct error *error)
{
    if (reason == -ETIMEDOUT)
        return error_set(error, ERROR_TIMED_OUT, NULL, "waited too long");
    return error_set(error, ERROR_CANCELLED, NULL, "cancelled while waiting");
}

SUSPENDS bool wait_for(struct wait_queue *queue, deadline_t deadline, struct error *error)
{
    struct loop *loop = loop_here();
    struct fiber *fiber = loop->current;
    ASSERT(fiber != NULL);
    if (fiber->cancelled)
        return explain(-ECANCELED, error);
    struct waiter waiter = {.wait.interrupt = interrupt, .timer.expired = time_out, .fiber = fiber, .pending = true};
    list_append(&queue->waiters, &waiter.link);
    timer_arm(&loop->timers, &waiter.timer, deadline);
    fiber->wait = &waiter.wait;
    while (waiter.pending)
        fiber_suspend();
    fiber->wait = NULL;
    timer_disarm(&loop->timers, &waiter.timer);
    return waiter.reason == 0 || explain(waiter.reason, error);
}

void wait_wake_one(struct wait_queue *queue)
{
    if (!list_is_empty(&queue->waiters))
        end_wait(LIST_ELEMENT(queue->waiters.next, struct waiter, link), 0);
}

void wait_wake_all(struct wait_queue *queue)
{
    while (!list_is_empty(&queue->waiters))
        wait_wake_one(queue);
}

bool wait_queue_is_empty(const struct wait_queue *queue)
{
    return list_is_empty(&queue->waiters);
}
