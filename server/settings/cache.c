/* server/settings/cache.c -- a hash table with an order of use. */
#include "server/settings/cache.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

enum { CHAIN_BYTES = 256 /* of the bound, one chain for each */, CHAINS_MAX = 1 << 16, CHAINS_MIN = 64 };

void cache_init(struct settings_cache *cache, size_t bytes_max)
{
    size_t chains = CHAINS_MIN;
    while (chains < CHAINS_MAX && chains * CHAIN_BYTES < bytes_max)
        chains *= 2;
    *cache = (struct settings_cache){
        .chains = calloc(chains, sizeof(struct cache_entry *)), .chains_count = chains, .bytes_max = bytes_max};
    ASSERT(cache->chains != NULL);
    list_init(&cache->order);
}

static struct cache_entry **chain_of(const struct settings_cache *cache, uint64_t creation_id)
{
    uint64_t hash = creation_id * UINT64_C(0x9e3779b97f4a7c15); /* ids may be drawn, or counted */
    return &cache->chains[(hash >> 32) & (cache->chains_count - 1)];
}

struct cache_entry *cache_find(const struct settings_cache *cache, uint64_t creation_id)
{
    struct cache_entry *entry = *chain_of(cache, creation_id);
    while (entry != NULL && entry->creation_id != creation_id)
        entry = entry->next;
    return entry;
}

void cache_touch(struct settings_cache *cache, struct cache_entry *entry)
{
    if (cache->order.next == &entry->order)
        return;
    list_remove(&entry->order);
    list_prepend(&cache->order, &entry->order);
}

static size_t bytes_of(const struct cache_entry *entry)
{
    return sizeof *entry + (entry->snapshot == NULL ? 0 : snapshot_bytes(entry->snapshot));
}

void cache_remove(struct settings_cache *cache, struct cache_entry *entry)
{
    ASSERT(!entry->is_loading);
    struct cache_entry **at = chain_of(cache, entry->creation_id);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    list_remove(&entry->order);
    cache->count--;
    cache->bytes -= bytes_of(entry);
    if (entry->snapshot != NULL)
        snapshot_drop(entry->snapshot);
    free(entry);
}

/* `kept` is the one for which room is made. */
static void make_room(struct settings_cache *cache, const struct cache_entry *kept)
{
    struct list_link *link = cache->order.previous;
    while (cache->bytes > cache->bytes_max && link != &cache->order) {
        struct cache_entry *entry = LIST_ELEMENT(link, struct cache_entry, order);
        link = link->previous;
        if (entry != kept && !entry->is_loading)
            cache_remove(cache, entry);
    }
}

struct cache_entry *cache_take(struct settings_cache *cache, uint64_t creation_id)
{
    struct cache_entry *entry = cache_find(cache, creation_id);
    if (entry != NULL) {
        cache_touch(cache, entry);
        return entry;
    }
    entry = calloc(1, sizeof *entry);
    ASSERT(entry != NULL);
    struct cache_entry **chain = chain_of(cache, creation_id);
    entry->creation_id = creation_id;
    entry->next = *chain;
    *chain = entry;
    list_prepend(&cache->order, &entry->order);
    cache->count++;
    cache->bytes += bytes_of(entry);
    make_room(cache, entry);
    return entry;
}

void cache_set(struct settings_cache *cache, struct cache_entry *entry, const struct bucket_settings *snapshot,
               uint64_t digest, uint64_t epoch)
{
    cache->bytes -= bytes_of(entry);
    if (entry->snapshot != NULL)
        snapshot_drop(entry->snapshot);
    entry->snapshot = snapshot;
    entry->digest = digest;
    entry->epoch = epoch;
    cache->bytes += bytes_of(entry);
    make_room(cache, entry);
}

void cache_free(struct settings_cache *cache)
{
    while (!list_is_empty(&cache->order))
        cache_remove(cache, LIST_ELEMENT(cache->order.next, struct cache_entry, order));
    free(cache->chains);
}
