/* server/settings/cache.h -- what a shard knows of the settings of buckets: bounded, the longest unused go first.
 *
 * An entry is right as long as the keeper's epoch (server/settings/keeper.h) is the one that it was read under. Most
 * buckets have no setting, and their entries are small. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/list.h"
#include "server/settings/snapshot.h"

struct cache_entry {
    struct cache_entry *next; /* in its chain */
    struct list_link order;   /* the last used first */
    uint64_t creation_id;
    uint64_t epoch;                         /* 0: never read */
    uint64_t digest;                        /* of the records that the snapshot was made of */
    const struct bucket_settings *snapshot; /* held; NULL: never read */
    deadline_t damaged_until; /* then documents that could not be read are read again: they may have been mended */
    bool is_loading;          /* some fiber is at it, and the entry stays where it is */
};

struct settings_cache {
    struct cache_entry **chains; /* a power of two */
    size_t chains_count;
    struct list_link order;
    size_t count;
    size_t bytes;
    size_t bytes_max;
};

void cache_init(struct settings_cache *cache, size_t bytes_max);
void cache_free(struct settings_cache *cache); /* nothing may be loading */
/* NULL when there is none. Does not say that it was used. */
struct cache_entry *cache_find(const struct settings_cache *cache, uint64_t creation_id);
/* Was used just now. */
void cache_touch(struct settings_cache *cache, struct cache_entry *entry);
/* Finds or makes it. What goes for it is none that is loading. */
struct cache_entry *cache_take(struct settings_cache *cache, uint64_t creation_id);
/* Takes over the caller's hold of the snapshot. */
void cache_set(struct settings_cache *cache, struct cache_entry *entry, const struct bucket_settings *snapshot,
               uint64_t digest, uint64_t epoch);
void cache_remove(struct settings_cache *cache, struct cache_entry *entry);
