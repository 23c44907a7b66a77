/* runtime/base/arena.c -- a chain of blocks; the newest one serves. */
#include "runtime/base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

enum { ARENA_BLOCK_BYTES = 4096, ARENA_ALIGNMENT = 16 };

struct arena_block {
    struct arena_block *older;
    size_t capacity;
    alignas(ARENA_ALIGNMENT) uint8_t bytes[];
};

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

static void free_newest(struct arena *arena)
{
    struct arena_block *newest = arena->blocks;
    arena->blocks = newest->older;
    arena->total -= newest->capacity;
    free(newest);
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks != NULL && arena->blocks->older != NULL)
        free_newest(arena);
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    while (arena->blocks != NULL)
        free_newest(arena);
    arena->used = 0;
}

void arena_wipe(struct arena *arena)
{
    for (struct arena_block *block = arena->blocks; block != NULL; block = block->older)
        explicit_bzero(block->bytes, block->capacity);
    arena_free(arena);
}

static bool add_block(struct arena *arena, size_t least)
{
    size_t capacity = least > ARENA_BLOCK_BYTES ? least : ARENA_BLOCK_BYTES;
    if (capacity > arena->limit - arena->total)
        capacity = least;
    if (capacity > arena->limit - arena->total)
        return false;
    struct arena_block *block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return false;
    block->older = arena->blocks;
    block->capacity = capacity;
    arena->blocks = block;
    arena->total += capacity;
    arena->used = 0;
    return true;
}

void *arena_allocate(struct arena *arena, size_t size)
{
    if (size > arena->limit)
        return NULL;
    size = (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
    if ((arena->blocks == NULL || size > arena->blocks->capacity - arena->used) && !add_block(arena, size))
        return NULL;
    void *memory = arena->blocks->bytes + arena->used;
    arena->used += size;
    return memory;
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
    uint8_t *copy = arena_allocate(arena, bytes.size + 1);
    if (copy == NULL)
        return SPAN_EMPTY;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return span_of(copy, bytes.size);
}
