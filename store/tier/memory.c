/* store/tier/memory.c -- stripes: a table of chains and an order of use, each under its lock. */
#include "store/tier/memory.h"

#include "runtime/base/assert.h"
#include "runtime/base/list.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { STRIPES = 16, BYTES_FOR_A_CHAIN = 16 << 10, CHAINS_LEAST = 16 };

struct memory_block {
    struct list_link order;    /* most recently used first */
    struct memory_block *next; /* of its chain */
    atomic_uint holders;       /* its place is one */
    uint64_t hash;
    struct block_name name;
    uint32_t size;
    uint8_t payload[];
};

struct stripe {
    pthread_mutex_t lock;
    struct list_link order;
    uint64_t used;
    struct memory_block **chains;
};

struct tier_memory {
    uint64_t stripe_bytes_max;
    uint64_t chains_count;
    atomic_bool was_full;
    struct stripe stripes[STRIPES];
};

struct tier_memory *memory_create(uint64_t bytes_max)
{
    struct tier_memory *memory = calloc(1, sizeof *memory);
    ASSERT(memory != NULL);
    memory->stripe_bytes_max = bytes_max / STRIPES;
    memory->chains_count = memory->stripe_bytes_max / BYTES_FOR_A_CHAIN + CHAINS_LEAST;
    for (unsigned i = 0; i < STRIPES; i++) {
        struct stripe *stripe = &memory->stripes[i];
        (void)pthread_mutex_init(&stripe->lock, NULL);
        list_init(&stripe->order);
        stripe->chains = calloc(memory->chains_count, sizeof(struct memory_block *));
        ASSERT(stripe->chains != NULL);
    }
    return memory;
}

static void lock(struct stripe *stripe)
{
    int failed = pthread_mutex_lock(&stripe->lock);
    ASSERT(failed == 0);
}

static void unlock(struct stripe *stripe)
{
    int failed = pthread_mutex_unlock(&stripe->lock);
    ASSERT(failed == 0);
}

static struct stripe *stripe_of(struct tier_memory *memory, uint64_t hash)
{
    return &memory->stripes[hash % STRIPES];
}

/* Under the stripe's lock, as are the next ones: the link that points to the block, or to the end of its chain. */
static struct memory_block **find_link(const struct tier_memory *memory, struct stripe *stripe, uint64_t hash,
                                       const struct block_name *name)
{
    struct memory_block **link = &stripe->chains[hash / STRIPES % memory->chains_count];
    while (*link != NULL && ((*link)->hash != hash || (*link)->name.number != name->number ||
                             memcmp(&(*link)->name.revision, &name->revision, sizeof name->revision) != 0))
        link = &(*link)->next;
    return link;
}

static uint64_t bytes_of(const struct memory_block *block)
{
    return sizeof *block + block->size;
}

static void remove_block(struct stripe *stripe, struct memory_block **link)
{
    struct memory_block *block = *link;
    *link = block->next;
    list_remove(&block->order);
    stripe->used -= bytes_of(block);
    memory_give(block);
}

/* True: blocks had to go for it. */
static bool make_room(const struct tier_memory *memory, struct stripe *stripe, uint64_t bytes)
{
    bool has_removed = false;
    while (stripe->used + bytes > memory->stripe_bytes_max && !list_is_empty(&stripe->order)) {
        const struct memory_block *last = LIST_ELEMENT(stripe->order.previous, struct memory_block, order);
        remove_block(stripe, find_link(memory, stripe, last->hash, &last->name));
        has_removed = true;
    }
    return has_removed;
}

void memory_clear(struct tier_memory *memory)
{
    for (unsigned i = 0; i < STRIPES; i++) {
        struct stripe *stripe = &memory->stripes[i];
        lock(stripe);
        (void)make_room(memory, stripe, memory->stripe_bytes_max + 1);
        ASSERT(stripe->used == 0);
        unlock(stripe);
    }
}

void memory_destroy(struct tier_memory *memory)
{
    memory_clear(memory);
    for (unsigned i = 0; i < STRIPES; i++) {
        free(memory->stripes[i].chains);
        (void)pthread_mutex_destroy(&memory->stripes[i].lock);
    }
    free(memory);
}

struct memory_block *memory_find(struct tier_memory *memory, const struct block_name *name)
{
    uint64_t hash = block_hash(name->revision.bytes, name->number);
    struct stripe *stripe = stripe_of(memory, hash);
    lock(stripe);
    struct memory_block *block = *find_link(memory, stripe, hash, name);
    if (block != NULL) {
        atomic_fetch_add_explicit(&block->holders, 1, memory_order_relaxed);
        list_remove(&block->order);
        list_prepend(&stripe->order, &block->order);
    }
    unlock(stripe);
    return block;
}

bool memory_has(struct tier_memory *memory, const struct block_name *name)
{
    uint64_t hash = block_hash(name->revision.bytes, name->number);
    struct stripe *stripe = stripe_of(memory, hash);
    lock(stripe);
    bool is_there = *find_link(memory, stripe, hash, name) != NULL;
    unlock(stripe);
    return is_there;
}

static struct memory_block *make_block(const struct block_name *name, uint64_t hash, struct span payload)
{
    struct memory_block *block = malloc(sizeof *block + payload.size);
    if (block == NULL)
        return NULL;
    *block = (struct memory_block){.hash = hash, .name = *name, .size = (uint32_t)payload.size};
    atomic_init(&block->holders, 1);
    memcpy(block->payload, payload.data, payload.size);
    return block;
}

void memory_put(struct tier_memory *memory, const struct block_name *name, struct span payload)
{
    uint64_t hash = block_hash(name->revision.bytes, name->number);
    struct stripe *stripe = stripe_of(memory, hash);
    struct memory_block *block =
        memory->stripe_bytes_max < BLOCK_BYTES ? NULL : make_block(name, hash, payload); /* outside of the lock */
    if (block == NULL)
        return;
    lock(stripe);
    struct memory_block **link = find_link(memory, stripe, hash, name);
    if (*link != NULL)
        remove_block(stripe, link);
    if (make_room(memory, stripe, bytes_of(block)))
        atomic_store_explicit(&memory->was_full, true, memory_order_relaxed);
    link = find_link(memory, stripe, hash, name); /* the end of the chain, as it is now */
    *link = block;
    list_prepend(&stripe->order, &block->order);
    stripe->used += bytes_of(block);
    unlock(stripe);
}

void memory_drop(struct tier_memory *memory, const struct block_name *name)
{
    uint64_t hash = block_hash(name->revision.bytes, name->number);
    struct stripe *stripe = stripe_of(memory, hash);
    lock(stripe);
    struct memory_block **link = find_link(memory, stripe, hash, name);
    if (*link != NULL)
        remove_block(stripe, link);
    unlock(stripe);
}

struct span memory_block_payload(const struct memory_block *block)
{
    return span_of(block->payload, block->size);
}

void memory_give(struct memory_block *block)
{
    if (block != NULL && atomic_fetch_sub_explicit(&block->holders, 1, memory_order_acq_rel) == 1)
        free(block);
}

bool memory_was_full(const struct tier_memory *memory)
{
    return atomic_load_explicit(&memory->was_full, memory_order_relaxed);
}

uint64_t memory_used(struct tier_memory *memory)
{
    uint64_t used = 0;
    for (unsigned i = 0; i < STRIPES; i++) {
        lock(&memory->stripes[i]);
        used += memory->stripes[i].used;
        unlock(&memory->stripes[i]);
    }
    return used;
}
