/* server/object/decoded_cache.c -- a table with one place for each hash: whoever comes twice in a row gets it. */
#include "server/object/decoded_cache.h"

#include "runtime/base/assert.h"
#include "s3client/attributes.h"

#include <stdlib.h>

struct decoded_entry {
    char stored_etag[ETAG_TEXT_BYTES];
    size_t stored_etag_size;
    uint32_t stored_crc32c;
    unsigned holders; /* the table and readers */
    size_t size;
    uint8_t bytes[];
};

struct decoded_slot {
    struct decoded_entry *entry;
    uint64_t candidate; /* hash of who was decoded last and is not the entry */
};

struct decoded_cache {
    struct decoded_slot slots[DECODED_CACHE_SLOTS];
};

/* FNV-1a: ETags are hashes or random already, it only has to take all of them in. Never 0. */
static uint64_t hash_of(struct span stored_etag, uint32_t stored_crc32c)
{
    uint64_t hash = 0xcbf29ce484222325U ^ stored_crc32c;
    for (size_t i = 0; i < stored_etag.size; i++)
        hash = (hash ^ stored_etag.data[i]) * 0x100000001b3U;
    return hash | 1;
}

static struct decoded_slot *slot_of(struct decoded_cache *cache, uint64_t hash)
{
    return &cache->slots[(hash >> 32) % DECODED_CACHE_SLOTS];
}

struct decoded_cache *decoded_cache_create(void)
{
    return calloc(1, sizeof(struct decoded_cache));
}

void decoded_cache_destroy(struct decoded_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < DECODED_CACHE_SLOTS; i++) {
        struct decoded_entry *entry = cache->slots[i].entry;
        ASSERT(entry == NULL || entry->holders == 1);
        free(entry);
    }
    free(cache);
}

struct decoded_entry *decoded_cache_find(struct decoded_cache *cache, struct span stored_etag, uint32_t stored_crc32c)
{
    struct decoded_entry *entry = slot_of(cache, hash_of(stored_etag, stored_crc32c))->entry;
    if (entry == NULL || entry->stored_crc32c != stored_crc32c ||
        !span_equal(span_of(entry->stored_etag, entry->stored_etag_size), stored_etag))
        return NULL;
    entry->holders++;
    return entry;
}

struct span decoded_entry_bytes(const struct decoded_entry *entry)
{
    return span_of(entry->bytes, entry->size);
}

void decoded_cache_give(struct decoded_entry *entry)
{
    if (entry != NULL && --entry->holders == 0)
        free(entry);
}

void decoded_cache_offer(struct decoded_cache *cache, struct span stored_etag, uint32_t stored_crc32c,
                         struct span original)
{
    uint64_t hash = hash_of(stored_etag, stored_crc32c);
    struct decoded_slot *slot = slot_of(cache, hash);
    if (slot->candidate != hash) {
        slot->candidate = hash;
        return;
    }
    if (original.size > DECODED_CACHE_BYTES_MAX || stored_etag.size >= ETAG_TEXT_BYTES)
        return;
    struct decoded_entry *entry = malloc(sizeof *entry + original.size);
    if (entry == NULL)
        return;
    memcpy(entry->stored_etag, stored_etag.data, stored_etag.size);
    entry->stored_etag_size = stored_etag.size;
    entry->stored_crc32c = stored_crc32c;
    entry->holders = 1;
    entry->size = original.size;
    memcpy(entry->bytes, original.data, original.size);
    decoded_cache_give(slot->entry);
    *slot = (struct decoded_slot){.entry = entry};
}
