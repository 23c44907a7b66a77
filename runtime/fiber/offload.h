/* runtime/fiber/offload.h -- blocking or long work on other threads, while the calling fiber sleeps.
 *
 * A pool of threads (codec levels above 6, cold listings, name resolution) shared by all shards. The queue is bounded:
 * beyond it callers get ERROR_BUSY. */
#pragma once

#include "runtime/fiber/fiber.h"

struct offload;

struct offload *offload_create(const char *name, unsigned threads, unsigned queued_max, struct error *error);
void offload_destroy(struct offload *offload); /* waits for what runs */

/* Runs work(argument) on a pool thread; returns when it has ended. Cancellation does not interrupt it. */
SUSPENDS bool offload_run(struct offload *offload, void (*work)(void *argument), void *argument, struct error *error);
