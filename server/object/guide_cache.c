/* server/object/guide_cache.c -- a small table, searched from end to end. */
#include "server/object/guide_cache.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

enum {
    LOOKS_AT_FIRST = 16,
    CREDIT_SHARE = 20, /* one byte of small objects in so many goes to prefixes that are new */
    CREDIT_MOST = LOOKS_AT_FIRST * COLUMNS_GUIDE_LOOK_CREDIT,
};

struct guide_cache {
    unsigned count;
    uint64_t uses; /* a clock */
    int64_t credit;
    uint64_t ids[GUIDE_CACHE_ENTRIES];
    uint64_t used[GUIDE_CACHE_ENTRIES];
    struct columns_guide guides[GUIDE_CACHE_ENTRIES];
};

struct guide_cache *guide_cache_create(void)
{
    struct guide_cache *cache = calloc(1, sizeof *cache);
    if (cache != NULL)
        cache->credit = CREDIT_MOST;
    return cache;
}

void guide_cache_destroy(struct guide_cache *cache)
{
    free(cache);
}

/* FNV-1a */
static uint64_t add_bytes(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t guide_cache_id(const struct object_name *name)
{
    size_t prefix = name->key.size;
    while (prefix > 0 && name->key.data[prefix - 1] != '/')
        prefix--;
    uint64_t hash = add_bytes(UINT64_C(0xcbf29ce484222325), name->bucket);
    return add_bytes(add_bytes(hash, SPAN("/")), span_take(name->key, prefix));
}

/* Where the prefix is, or has its place from now on. */
static unsigned find_or_make(struct guide_cache *cache, uint64_t id, bool *ret_is_new)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < cache->count; i++) {
        if (cache->ids[i] == id) {
            *ret_is_new = false;
            return i;
        }
        if (cache->used[i] < cache->used[oldest])
            oldest = i;
    }
    unsigned at = cache->count < GUIDE_CACHE_ENTRIES ? cache->count++ : oldest;
    cache->ids[at] = id;
    *ret_is_new = true;
    return at;
}

static int64_t take_credit(struct guide_cache *cache)
{
    if (cache->credit < COLUMNS_GUIDE_LOOK_CREDIT)
        return 0;
    cache->credit -= COLUMNS_GUIDE_LOOK_CREDIT;
    return COLUMNS_GUIDE_LOOK_CREDIT;
}

void guide_cache_take(struct guide_cache *cache, uint64_t id, struct columns_guide *ret_guide)
{
    bool is_new;
    unsigned at = find_or_make(cache, id, &is_new);
    if (is_new)
        columns_guide_begin(&cache->guides[at], take_credit(cache));
    cache->used[at] = ++cache->uses;
    *ret_guide = cache->guides[at];
}

/* The guide's lead is that of an object's first frame, so the next object may go on with it. */
void guide_cache_give(struct guide_cache *cache, uint64_t id, const struct columns_guide *guide)
{
    bool is_new;
    unsigned at = find_or_make(cache, id, &is_new);
    cache->guides[at] = *guide;
    cache->guides[at].offset = 0;
    cache->used[at] = ++cache->uses;
    cache->credit += (int64_t)(guide->offset / CREDIT_SHARE);
    cache->credit = cache->credit < CREDIT_MOST ? cache->credit : CREDIT_MOST;
}
