/* server/object/guide_cache.c -- a small table, searched from end to end. */
#include "server/object/guide_cache.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

enum {
    LOOKS_AT_FIRST = 16,
    CREDIT_SHARE = 20, /* one byte of small objects in so many pays looks that are lent */
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

/* Names are often numbered. */
static uint64_t add_ending(uint64_t hash, struct span name)
{
    size_t dot = name.size;
    while (dot > 0 && name.data[dot - 1] != '.')
        dot--;
    for (size_t i = dot; dot > 0 && i < name.size; i++) {
        if (name.data[i] < '0' || name.data[i] > '9')
            hash = add_bytes(hash, span_of(name.data + i, 1));
    }
    return hash;
}

struct guide_share guide_cache_share(const struct object_name *name)
{
    size_t prefix = name->key.size;
    while (prefix > 0 && name->key.data[prefix - 1] != '/')
        prefix--;
    uint64_t hash = add_bytes(UINT64_C(0xcbf29ce484222325), name->bucket);
    return (struct guide_share){
        .prefix = add_bytes(add_bytes(hash, SPAN("/")), span_take(name->key, prefix)),
        .ending = add_ending(add_bytes(hash, SPAN("*")), span_skip(name->key, prefix)),
    };
}

/* ---- entries ---- */

/* Its place; GUIDE_CACHE_ENTRIES: it has none. */
static unsigned find(const struct guide_cache *cache, uint64_t id)
{
    for (unsigned i = 0; i < cache->count; i++) {
        if (cache->ids[i] == id)
            return i;
    }
    return GUIDE_CACHE_ENTRIES;
}

/* Its place from now on, with a guide that knows nothing if it had none. */
static unsigned find_or_make(struct guide_cache *cache, uint64_t id, bool *ret_is_new)
{
    unsigned at = find(cache, id);
    *ret_is_new = at == GUIDE_CACHE_ENTRIES;
    if (*ret_is_new) {
        unsigned oldest = 0;
        for (unsigned i = 1; i < cache->count; i++)
            oldest = cache->used[i] < cache->used[oldest] ? i : oldest;
        at = cache->count < GUIDE_CACHE_ENTRIES ? cache->count++ : oldest;
        cache->ids[at] = id;
        columns_guide_begin(&cache->guides[at], 0);
    }
    cache->used[at] = ++cache->uses;
    return at;
}

/* ---- guides ---- */

/* What has looked for itself has its own credit; what has debts could not look. */
static int64_t lend(struct guide_cache *cache, const struct columns_guide *guide)
{
    bool may_look = !guide->has_looked || guide->is_borrowed;
    if (!may_look || guide->credit < 0 || cache->credit < COLUMNS_GUIDE_LOOK_CREDIT)
        return 0;
    cache->credit -= COLUMNS_GUIDE_LOOK_CREDIT;
    return COLUMNS_GUIDE_LOOK_CREDIT;
}

void guide_cache_take(struct guide_cache *cache, struct guide_share *share, struct columns_guide *ret_guide)
{
    bool is_new;
    unsigned at = find_or_make(cache, share->prefix, &is_new);
    unsigned like = is_new ? find(cache, share->ending) : GUIDE_CACHE_ENTRIES;
    if (like < GUIDE_CACHE_ENTRIES && cache->guides[like].has_plan)
        columns_guide_borrow(&cache->guides[at], &cache->guides[like]);
    *ret_guide = cache->guides[at];
    share->lent = lend(cache, ret_guide);
    ret_guide->credit += share->lent;
}

/* A plan that is in doubt is none for others. */
static void note_plan(struct guide_cache *cache, uint64_t ending, const struct columns_guide *guide)
{
    bool is_new;
    unsigned at = find_or_make(cache, ending, &is_new);
    if (guide->looks_next)
        columns_guide_begin(&cache->guides[at], 0);
    else
        cache->guides[at] = *guide;
}

/* The guide's lead is that of an object's first frame, so the next object may go on with it. */
void guide_cache_give(struct guide_cache *cache, const struct guide_share *share, const struct columns_guide *guide)
{
    bool is_new;
    unsigned at = find_or_make(cache, share->prefix, &is_new);
    int64_t unused = guide->credit < share->lent ? 0 : share->lent;
    cache->guides[at] = *guide;
    cache->guides[at].offset = 0;
    cache->guides[at].credit -= unused;
    if (guide->has_plan)
        note_plan(cache, share->ending, &cache->guides[at]);
    cache->credit += unused + (int64_t)(guide->offset / CREDIT_SHARE);
    cache->credit = cache->credit < CREDIT_MOST ? cache->credit : CREDIT_MOST;
}
