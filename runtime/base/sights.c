/* runtime/base/sights.c -- sets of hashes, newest first. */
#include "runtime/base/sights.h"

#include "runtime/base/assert.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { WAYS = 16, CACHE_LINE_BYTES = 64 };

struct sight_set {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint32_t hashes[WAYS]; /* 0: none */
};

struct sights {
    struct sight_set *sets;
    uint64_t sets_count;
};

struct sights *sights_create(uint64_t count)
{
    struct sights *sights = calloc(1, sizeof *sights);
    ASSERT(sights != NULL);
    sights->sets_count = count / WAYS + 1;
    sights->sets = mmap(NULL, sights->sets_count * sizeof *sights->sets, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sights->sets != MAP_FAILED)
        return sights;
    free(sights);
    return NULL;
}

void sights_destroy(struct sights *sights)
{
    (void)munmap(sights->sets, sights->sets_count * sizeof *sights->sets);
    free(sights);
}

bool sights_note(struct sights *sights, uint64_t hash)
{
    const uint32_t own = (uint32_t)hash | 1;
    struct sight_set *set = &sights->sets[(uint64_t)((unsigned __int128)(hash >> 32 << 32) * sights->sets_count >> 64)];
    uint32_t moving = own;
    for (unsigned way = 0; way < WAYS; way++) {
        uint32_t there = atomic_load_explicit(&set->hashes[way], memory_order_relaxed);
        atomic_store_explicit(&set->hashes[way], moving, memory_order_relaxed);
        if (there == own)
            return true; /* it is the newest now */
        moving = there;
    }
    return false;
}
