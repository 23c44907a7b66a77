/* runtime/fiber/offload.h -- blocking or long work on other threads, while the calling fiber sleeps.
 *
 * A pool of threads (codec levels above 6, cold listings, name resolution) shared by all shards. The queue is bounded:
 * beyond it callers get ERROR_BUSY. */
#pragma once

#include "runtime/fiber/fiber.h"

struct offload;

struct offload *offload_create(const char *name, unsigned threads, unsigned queued_max, struct error *error);
/* From now on its threads run only when nobody else wants their processor (SCHED_IDLE): for what may take as long as it
 * takes. A thread whose processor a shard wants back leaves it at once, in the midst of what it computes: so nothing
 * that runs there may hold a lock that a shard waits for. False: the kernel refuses it, and they run like others. */
bool offload_make_idle(struct offload *offload);
void offload_destroy(struct offload *offload); /* waits for what runs */

/* Runs work(argument) on a pool thread; returns when it has ended. Cancellation does not interrupt it. */
SUSPENDS bool offload_run(struct offload *offload, void (*work)(void *argument), void *argument, struct error *error);
/* The same. ERROR_TIMED_OUT: no thread had begun by then, and none will. */
SUSPENDS bool offload_run_within(struct offload *offload, void (*work)(void *argument), void *argument,
                                 deadline_t deadline, struct error *error);
