/* runtime/fiber/pool.h -- a bounded number of costly things (compression contexts, frame buffers) that fibers of one
 * shard share; whoever finds none waits in line.
 *
 * Elements are made on first need by `create`, kept when given back, and destroyed with the pool. `create` returning
 * NULL is ERROR_BUSY for the caller. */
#pragma once

#include "runtime/fiber/wait.h"

struct pool;

struct pool_kind {
    const char *name; /* static; a metric label */
    void *(*create)(void *context);
    void (*destroy)(void *element, void *context);
    void *context;
    size_t elements_max;
};

struct pool *pool_create(const struct pool_kind *kind);
void pool_destroy(struct pool *pool); /* every element must have been given back */
/* NULL: ERROR_TIMED_OUT, ERROR_CANCELLED or ERROR_BUSY. */
SUSPENDS void *pool_acquire(struct pool *pool, deadline_t deadline, struct error *error);
void pool_release(struct pool *pool, void *element);
size_t pool_in_use(const struct pool *pool);
size_t pool_waiting(const struct pool *pool);
