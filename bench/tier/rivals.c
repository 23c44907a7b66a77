/* bench/tier/rivals.c -- LRU as a list of numbers, S3-FIFO as three queues. */
#include "bench/tier/rivals.h"

#include "runtime/base/assert.h"

#include <stdbool.h>
#include <stdlib.h>

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    ASSERT(memory != NULL);
    return memory;
}

/* ---- LRU ---- */

struct lru {
    uint32_t *newer;
    uint32_t *older;
    bool *is_there;
    uint32_t ends; /* both ends of the order: newer[ends] is the oldest */
    uint32_t count;
    uint32_t most;
};

struct lru *lru_begin(uint32_t blocks, uint32_t most)
{
    ASSERT(most > 0);
    struct lru *lru = allocate(1, sizeof *lru);
    *lru = (struct lru){.ends = blocks, .most = most};
    lru->newer = allocate(blocks + 1, sizeof *lru->newer);
    lru->older = allocate(blocks + 1, sizeof *lru->older);
    lru->is_there = allocate(blocks, sizeof *lru->is_there);
    lru->newer[blocks] = lru->older[blocks] = blocks;
    return lru;
}

void lru_end(struct lru *lru)
{
    free(lru->newer);
    free(lru->older);
    free(lru->is_there);
    free(lru);
}

static void lru_unlink(struct lru *lru, uint32_t block)
{
    lru->newer[lru->older[block]] = lru->newer[block];
    lru->older[lru->newer[block]] = lru->older[block];
}

bool lru_read(struct lru *lru, uint32_t block)
{
    bool is_hit = lru->is_there[block];
    if (is_hit) {
        lru_unlink(lru, block);
    } else {
        lru->is_there[block] = true;
        if (lru->count == lru->most) {
            uint32_t oldest = lru->newer[lru->ends];
            lru_unlink(lru, oldest);
            lru->is_there[oldest] = false;
        } else {
            lru->count++;
        }
    }
    uint32_t newest = lru->older[lru->ends];
    lru->older[block] = newest;
    lru->newer[block] = lru->ends;
    lru->newer[newest] = block;
    lru->older[lru->ends] = block;
    return is_hit;
}

/* ---- S3-FIFO ---- */

/* Blocks in the order in which they came; room for one more than `most`. */
struct fifo {
    uint32_t *blocks;
    uint32_t first;
    uint32_t count;
    uint32_t most;
};

static struct fifo fifo_begin(uint32_t most)
{
    return (struct fifo){.blocks = allocate(most + 1, sizeof(uint32_t)), .most = most};
}

static void fifo_put(struct fifo *fifo, uint32_t block)
{
    fifo->blocks[(fifo->first + fifo->count++) % (fifo->most + 1)] = block;
}

static uint32_t fifo_take(struct fifo *fifo)
{
    uint32_t block = fifo->blocks[fifo->first];
    fifo->first = (fifo->first + 1) % (fifo->most + 1);
    fifo->count--;
    return block;
}

enum s3_fifo_state { S3_FIFO_NOWHERE, S3_FIFO_HERE, S3_FIFO_GHOST };

/* A tenth for what is new, which goes on when it was used there, and a memory of what had to go. */
struct s3_fifo {
    struct fifo small;
    struct fifo main;
    struct fifo ghost;
    enum s3_fifo_state *state;
    uint8_t *uses;
    uint32_t most;
};

struct s3_fifo *s3_fifo_begin(uint32_t blocks, uint32_t most)
{
    ASSERT(most > 0);
    struct s3_fifo *fifo = allocate(1, sizeof *fifo);
    *fifo =
        (struct s3_fifo){.small = fifo_begin(most), .main = fifo_begin(most), .ghost = fifo_begin(most), .most = most};
    fifo->state = allocate(blocks, sizeof *fifo->state);
    fifo->uses = allocate(blocks, 1);
    return fifo;
}

void s3_fifo_end(struct s3_fifo *fifo)
{
    free(fifo->small.blocks);
    free(fifo->main.blocks);
    free(fifo->ghost.blocks);
    free(fifo->state);
    free(fifo->uses);
    free(fifo);
}

static void s3_fifo_remember(struct s3_fifo *fifo, uint32_t block)
{
    if (fifo->ghost.count == fifo->ghost.most) {
        uint32_t oldest = fifo_take(&fifo->ghost);
        if (fifo->state[oldest] == S3_FIFO_GHOST)
            fifo->state[oldest] = S3_FIFO_NOWHERE;
    }
    fifo->state[block] = S3_FIFO_GHOST;
    fifo_put(&fifo->ghost, block);
}

static void s3_fifo_make_room(struct s3_fifo *fifo)
{
    while (fifo->small.count + fifo->main.count >= fifo->most) {
        bool is_small = fifo->small.count > 0 && fifo->small.count >= fifo->most / 10;
        uint32_t block = fifo_take(is_small ? &fifo->small : &fifo->main);
        if (fifo->uses[block] > 0) {
            fifo->uses[block] = is_small ? 0 : (uint8_t)(fifo->uses[block] - 1);
            fifo_put(&fifo->main, block);
        } else if (is_small) {
            s3_fifo_remember(fifo, block);
        } else {
            fifo->state[block] = S3_FIFO_NOWHERE;
        }
    }
}

bool s3_fifo_read(struct s3_fifo *fifo, uint32_t block)
{
    if (fifo->state[block] == S3_FIFO_HERE) {
        fifo->uses[block] = fifo->uses[block] < 3 ? (uint8_t)(fifo->uses[block] + 1) : 3;
        return true;
    }
    bool was_here = fifo->state[block] == S3_FIFO_GHOST;
    s3_fifo_make_room(fifo);
    fifo->state[block] = S3_FIFO_HERE;
    fifo->uses[block] = 0;
    fifo_put(was_here ? &fifo->main : &fifo->small, block);
    return false;
}
