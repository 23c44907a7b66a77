/* runtime/fiber/wait.h -- fibers of one shard that wait for each other, first come first served.
 *
 * wait_queue: a list of sleeping fibers. wait_for returns true when woken, false with ERROR_TIMED_OUT or
 * ERROR_CANCELLED. A wake is not remembered: check your condition, then wait, in a loop. One shard only. */
#pragma once

#include "runtime/fiber/fiber.h"

struct wait_queue {
    struct list_link waiters;
};

void wait_queue_init(struct wait_queue *queue);
SUSPENDS bool wait_for(struct wait_queue *queue, deadline_t deadline, struct error *error);
void wait_wake_one(struct wait_queue *queue);
void wait_wake_all(struct wait_queue *queue);
bool wait_queue_is_empty(const struct wait_queue *queue);
