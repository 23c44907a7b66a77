/* server/object/decoded_cache.c -- a table of sets of eight: an entry is looked for in one set, the one that was not
 * used for longest makes room. */
#include "server/object/decoded_cache.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

struct decoded_entry {
    unsigned holders; /* the table and readers */
    unsigned bucket_size;
    unsigned key_size;
    unsigned stored_etag_size;
    size_t size;
    uint8_t bytes[]; /* bucket, key, stored_etag, then the original */
};

enum { WAYS = 8, SETS = DECODED_CACHE_SLOTS / WAYS, KEY_END_BYTES = 16 };

struct decoded_way {
    struct decoded_entry *entry;
    uint32_t hash;
    uint32_t used; /* when it was last asked for */
};

/* Who is there is told by two cache lines. */
struct decoded_set {
    _Alignas(64) struct decoded_way ways[WAYS];
    uint32_t candidates[WAYS]; /* hashes of who was decoded of late and is no entry, oldest overwritten first */
    unsigned oldest_candidate;
};

struct decoded_cache {
    struct decoded_set sets[SETS];
    uint32_t time; /* counts what is found and taken in; when it begins anew, some go before their time */
};

/* Eight bytes at a step, as many ETags differ in a few of them only. */
static uint64_t mix(uint64_t hash, struct span text)
{
    while (text.size > 0) {
        uint64_t piece = 0;
        size_t step = text.size < sizeof piece ? text.size : sizeof piece;
        memcpy(&piece, text.data, step);
        hash = (hash ^ piece) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 32;
        text = span_skip(text, step);
    }
    return hash;
}

/* Never 0. Equal contents under many keys may have one ETag: the keys' ends spread them, where most keys differ. */
static uint32_t hash_of(const struct object_name *name, struct span stored_etag)
{
    size_t skipped = name->key.size > KEY_END_BYTES ? name->key.size - KEY_END_BYTES : 0;
    return (uint32_t)(mix(mix(0, span_skip(name->key, skipped)), stored_etag) >> 32) | 1;
}

static struct decoded_set *set_of(struct decoded_cache *cache, uint32_t hash)
{
    return &cache->sets[(hash >> 8) % SETS];
}

struct decoded_cache *decoded_cache_create(void)
{
    struct decoded_cache *cache = aligned_alloc(_Alignof(struct decoded_cache), sizeof *cache);
    if (cache != NULL)
        memset(cache, 0, sizeof *cache);
    return cache;
}

void decoded_cache_destroy(struct decoded_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < DECODED_CACHE_SLOTS; i++) {
        struct decoded_entry *entry = cache->sets[i / WAYS].ways[i % WAYS].entry;
        ASSERT(entry == NULL || entry->holders == 1);
        free(entry);
    }
    free(cache);
}

static bool is_of(const struct decoded_entry *entry, const struct object_name *name, struct span stored_etag)
{
    struct span rest = span_of(entry->bytes, (size_t)entry->bucket_size + entry->key_size + entry->stored_etag_size);
    return span_equal(span_take(rest, entry->bucket_size), name->bucket) &&
           span_equal(span_take(span_skip(rest, entry->bucket_size), entry->key_size), name->key) &&
           span_equal(span_skip(rest, (size_t)entry->bucket_size + entry->key_size), stored_etag);
}

struct decoded_entry *decoded_cache_find(struct decoded_cache *cache, const struct object_name *name,
                                         struct span stored_etag)
{
    uint32_t hash = hash_of(name, stored_etag);
    struct decoded_set *set = set_of(cache, hash);
    for (unsigned i = 0; i < WAYS; i++) {
        struct decoded_way *way = &set->ways[i];
        if (way->hash != hash || !is_of(way->entry, name, stored_etag))
            continue;
        way->used = ++cache->time;
        way->entry->holders++;
        return way->entry;
    }
    return NULL;
}

struct span decoded_entry_bytes(const struct decoded_entry *entry)
{
    return span_of(entry->bytes + entry->bucket_size + entry->key_size + entry->stored_etag_size, entry->size);
}

void decoded_cache_give(struct decoded_entry *entry)
{
    if (entry != NULL && --entry->holders == 0)
        free(entry);
}

/* Was it decoded before, not long ago? If not, it was now. */
static bool comes_again(struct decoded_set *set, uint32_t hash)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (set->candidates[i] == hash) {
            set->candidates[i] = 0;
            return true;
        }
    }
    set->candidates[set->oldest_candidate] = hash;
    set->oldest_candidate = (set->oldest_candidate + 1) % WAYS;
    return false;
}

/* An empty one was never used. */
static struct decoded_way *longest_unused(struct decoded_set *set)
{
    struct decoded_way *longest = &set->ways[0];
    for (unsigned i = 1; i < WAYS; i++)
        if (set->ways[i].used < longest->used)
            longest = &set->ways[i];
    return longest;
}

static uint8_t *append(uint8_t *bytes, struct span text)
{
    if (text.size > 0)
        memcpy(bytes, text.data, text.size);
    return bytes + text.size;
}

static struct decoded_entry *create(const struct object_name *name, struct span stored_etag, struct span original)
{
    struct decoded_entry *entry =
        malloc(sizeof *entry + name->bucket.size + name->key.size + stored_etag.size + original.size);
    if (entry == NULL)
        return NULL;
    *entry = (struct decoded_entry){.holders = 1,
                                    .bucket_size = (unsigned)name->bucket.size,
                                    .key_size = (unsigned)name->key.size,
                                    .stored_etag_size = (unsigned)stored_etag.size,
                                    .size = original.size};
    (void)append(append(append(append(entry->bytes, name->bucket), name->key), stored_etag), original);
    return entry;
}

void decoded_cache_offer(struct decoded_cache *cache, const struct object_name *name, struct span stored_etag,
                         struct span original)
{
    if (original.size > DECODED_CACHE_BYTES_MAX)
        return;
    uint32_t hash = hash_of(name, stored_etag);
    struct decoded_set *set = set_of(cache, hash);
    if (!comes_again(set, hash))
        return;
    struct decoded_entry *entry = create(name, stored_etag, original);
    if (entry == NULL)
        return;
    struct decoded_way *way = longest_unused(set);
    decoded_cache_give(way->entry);
    *way = (struct decoded_way){.entry = entry, .hash = hash, .used = ++cache->time};
}
