/* runtime/fiber/pool.c -- a bounded number of costly things that fibers of one shard share. */
#include "runtime/fiber/pool.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

struct pool {
    struct pool_kind kind;
    struct wait_queue queue;
    size_t created;
    size_t waiting;
    size_t promised; /* elements that lie free for fibers that were woken and have not run yet */
    size_t free_count;
    void *free_elements[]; /* elements_max; the last used on top, as it is warm */
};

struct pool *pool_create(const struct pool_kind *kind)
{
    ASSERT(kind->elements_max > 0);
    struct pool *pool = calloc(1, sizeof *pool + kind->elements_max * sizeof(void *));
    ASSERT(pool != NULL); /* at start, and small */
    pool->kind = *kind;
    wait_queue_init(&pool->queue);
    return pool;
}

void pool_destroy(struct pool *pool)
{
    ASSERT(pool->free_count == pool->created && pool->waiting == 0);
    while (pool->free_count > 0)
        pool->kind.destroy(pool->free_elements[--pool->free_count], pool->kind.context);
    free(pool);
}

static void *create(struct pool *pool, struct error *error)
{
    pool->created++; /* counted first: `create` may suspend */
    void *element = pool->kind.create(pool->kind.context);
    if (element == NULL) {
        pool->created--;
        wait_wake_one(&pool->queue);
        error_set(error, ERROR_BUSY, NULL, "no memory for a further %s", pool->kind.name);
    }
    return element;
}

SUSPENDS static bool wait_in_line(struct pool *pool, deadline_t deadline, struct error *error)
{
    pool->waiting++;
    bool woken = wait_for(&pool->queue, deadline, error);
    pool->waiting--;
    return woken;
}

static void *take_free(struct pool *pool)
{
    return pool->free_elements[--pool->free_count];
}

/* Nobody overtakes: what is given back is promised to the first in line, who is woken for it. */
SUSPENDS void *pool_acquire(struct pool *pool, deadline_t deadline, struct error *error)
{
    bool is_my_turn = wait_queue_is_empty(&pool->queue);
    while (true) {
        if (pool->free_count > pool->promised)
            return take_free(pool);
        if (is_my_turn && pool->created < pool->kind.elements_max)
            return create(pool, error);
        if (!wait_in_line(pool, deadline, error))
            return NULL;
        is_my_turn = true;
        if (pool->promised > 0) {
            pool->promised--;
            return take_free(pool);
        }
    }
}

void pool_release(struct pool *pool, void *element)
{
    ASSERT(element != NULL && pool->free_count < pool->created);
    pool->free_elements[pool->free_count++] = element;
    if (!wait_queue_is_empty(&pool->queue)) {
        pool->promised++;
        wait_wake_one(&pool->queue);
    }
}

size_t pool_in_use(const struct pool *pool)
{
    return pool->created - pool->free_count;
}

size_t pool_waiting(const struct pool *pool)
{
    return pool->waiting;
}
