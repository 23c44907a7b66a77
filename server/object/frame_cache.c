/* server/object/frame_cache.c -- chains by hash, two queues by age, and a memory of what was decoded of late. */
#include "server/object/frame_cache.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"
#include "runtime/base/list.h"
#include "runtime/base/sights.h"

#include <stdlib.h>

enum {
    ENTRY_BYTES_LEAST = 1 << 10, /* that each counts as, so that chains stay short */
    BYTES_FOR_A_CHAIN = 4 << 10,
    BYTES_FOR_A_SIGHT = 2 << 10, /* each frame has two */
    PROBATION_SHARE = 10,
    USES_MAX = 3,
    STEPS_MAX = 1024, /* in search of room, for one that comes: a bound of the time that this takes */
};

struct frame_entry {
    struct frame_entry *next; /* of its chain */
    uint64_t hash;
    uint64_t offset;
    uint64_t stored_size; /* of the object; so are the next three */
    uint64_t original_size;
    uint32_t codec;
    enum object_layout layout;
    unsigned bucket_size;
    unsigned key_size;
    unsigned stored_etag_size;
    unsigned etag_size;
    unsigned holders;
    uint8_t *bytes;
    size_t size;
    uint64_t used_at;       /* when a use was counted last, or it came in */
    struct list_link order; /* in its queue, oldest first */
    uint8_t uses;
    bool is_on_probation;
    bool is_secret;
    uint8_t text[]; /* bucket, key, stored ETag, ETag */
};

struct frame_cache {
    struct frame_cache_settings settings;
    struct frame_entry **chains;
    uint64_t chains_count;
    struct sights *sights; /* of frames that were decoded, in which era */
    uint64_t era;          /* counts bytes_max of what is decoded */
    uint64_t era_bytes;    /* decoded in this one */
    struct list_link probation;
    struct list_link proved;
    uint64_t probation_used;
    uint64_t used;
    uint64_t time; /* counts what comes in */
};

struct frame_cache *frame_cache_create(const struct frame_cache_settings *settings)
{
    struct frame_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    cache->settings = *settings;
    cache->chains_count = settings->bytes_max / BYTES_FOR_A_CHAIN + 1;
    cache->chains = calloc(cache->chains_count, sizeof(struct frame_entry *));
    cache->sights = sights_create(settings->bytes_max / BYTES_FOR_A_SIGHT);
    list_init(&cache->probation);
    list_init(&cache->proved);
    if (cache->chains != NULL && cache->sights != NULL)
        return cache;
    if (cache->sights != NULL)
        sights_destroy(cache->sights);
    free(cache->chains);
    free(cache);
    return NULL;
}

/* ---- which frame ---- */

/* What all frames of an object begin with. All of the name counts: else whoever may write had many objects of one
 * content in one chain. */
static struct siphash hash_of_object(const struct frame_cache *cache, const struct object_name *name,
                                     const struct object_attributes *attributes)
{
    struct siphash hash = siphash_begin(&cache->settings.key);
    siphash_add(&hash, name->bucket);
    siphash_add(&hash, name->key);
    siphash_add(&hash, span_from_string(attributes->stored_etag));
    return hash;
}

/* A frame is found by any of its bytes, as it begins in their FRAME_ORIGINAL_BYTES or in those before. */
static uint64_t hash_of_frame(struct siphash of_object, uint64_t offset)
{
    uint64_t grid = offset / FRAME_ORIGINAL_BYTES;
    siphash_add(&of_object, span_of(&grid, sizeof grid));
    return siphash_end(of_object);
}

static struct frame_entry **chain_of(const struct frame_cache *cache, uint64_t hash)
{
    return &cache->chains[(uint64_t)((unsigned __int128)hash * cache->chains_count >> 64)];
}

unsigned frame_cache_longest_chain(const struct frame_cache *cache)
{
    unsigned longest = 0;
    for (uint64_t i = 0; i < cache->chains_count; i++) {
        unsigned length = 0;
        for (const struct frame_entry *entry = cache->chains[i]; entry != NULL; entry = entry->next)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

static bool is_of(const struct frame_entry *entry, const struct object_name *name,
                  const struct object_attributes *attributes)
{
    const uint8_t *key = entry->text + entry->bucket_size;
    const uint8_t *stored_etag = key + entry->key_size;
    const uint8_t *etag = stored_etag + entry->stored_etag_size;
    return entry->stored_size == attributes->stored_size && entry->original_size == attributes->original_size &&
           entry->codec == attributes->codec && entry->layout == attributes->layout &&
           span_equal(span_of(entry->text, entry->bucket_size), name->bucket) &&
           span_equal(span_of(key, entry->key_size), name->key) &&
           span_equal(span_of(stored_etag, entry->stored_etag_size), span_from_string(attributes->stored_etag)) &&
           span_equal(span_of(etag, entry->etag_size), span_from_string(attributes->etag));
}

static bool holds(const struct frame_entry *entry, uint64_t first, uint64_t end)
{
    return entry->offset <= first && end <= entry->offset + entry->size;
}

static struct frame_entry *search(const struct frame_cache *cache, uint64_t hash, const struct object_name *name,
                                  const struct object_attributes *attributes, uint64_t first, uint64_t end)
{
    struct frame_entry *entry = *chain_of(cache, hash);
    while (entry != NULL && (entry->hash != hash || !holds(entry, first, end) || !is_of(entry, name, attributes)))
        entry = entry->next;
    return entry;
}

struct frame_entry *frame_cache_find(struct frame_cache *cache, const struct object_name *name,
                                     const struct object_attributes *attributes, uint64_t first, uint64_t end)
{
    if (first >= end || end - first > FRAME_ORIGINAL_BYTES || attributes->stored_etag[0] == '\0')
        return NULL;
    struct siphash hash = hash_of_object(cache, name, attributes);
    struct frame_entry *entry = search(cache, hash_of_frame(hash, first), name, attributes, first, end);
    if (entry == NULL && first >= FRAME_ORIGINAL_BYTES)
        entry = search(cache, hash_of_frame(hash, first - FRAME_ORIGINAL_BYTES), name, attributes, first, end);
    if (entry == NULL)
        return NULL;
    if (entry->used_at != cache->time && entry->uses < USES_MAX)
        entry->uses++;
    entry->used_at = cache->time;
    entry->holders++;
    metric_add(&cache->settings.counters->hits, 1);
    return entry;
}

uint64_t frame_entry_offset(const struct frame_entry *entry)
{
    return entry->offset;
}

struct span frame_entry_bytes(const struct frame_entry *entry)
{
    return span_of(entry->bytes, entry->size);
}

void frame_entry_give(struct frame_entry *entry)
{
    if (entry == NULL)
        return;
    ASSERT(entry->holders > 0);
    entry->holders--;
}

/* ---- who stays ---- */

static uint64_t charge(size_t text_size, size_t size)
{
    uint64_t bytes = sizeof(struct frame_entry) + text_size + size;
    return bytes < ENTRY_BYTES_LEAST ? ENTRY_BYTES_LEAST : bytes;
}

static uint64_t charge_of(const struct frame_entry *entry)
{
    return charge((size_t)entry->bucket_size + entry->key_size + entry->stored_etag_size + entry->etag_size,
                  entry->size);
}

static void count(struct frame_cache *cache, bool is_on_probation, uint64_t bytes)
{
    cache->used += bytes;
    cache->probation_used += is_on_probation ? bytes : 0;
    metric_add(&cache->settings.counters->bytes, bytes);
}

static void drop(struct frame_cache *cache, struct frame_entry *entry)
{
    ASSERT(entry->holders == 0);
    struct frame_entry **link = chain_of(cache, entry->hash);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    list_remove(&entry->order);
    count(cache, entry->is_on_probation, 0 - charge_of(entry));
    if (entry->is_secret)
        explicit_bzero(entry->bytes, entry->size);
    cache->settings.release(cache->settings.context, entry->bytes, entry->size);
    free(entry);
}

void frame_cache_destroy(struct frame_cache *cache)
{
    if (cache == NULL)
        return;
    struct list_link *queues[] = {&cache->probation, &cache->proved};
    for (unsigned i = 0; i < 2; i++)
        while (!list_is_empty(queues[i]))
            drop(cache, LIST_ELEMENT(queues[i]->next, struct frame_entry, order));
    ASSERT(cache->used == 0 && cache->probation_used == 0);
    sights_destroy(cache->sights);
    free(cache->chains);
    free(cache);
}

static void queue_anew(struct frame_cache *cache, struct frame_entry *entry, bool is_on_probation)
{
    uint64_t bytes = charge_of(entry);
    cache->probation_used -= entry->is_on_probation ? bytes : 0;
    cache->probation_used += is_on_probation ? bytes : 0;
    entry->is_on_probation = is_on_probation;
    list_remove(&entry->order);
    list_append(is_on_probation ? &cache->probation : &cache->proved, &entry->order);
}

/* The oldest of a queue goes, or its use is paid for with another turn. */
static void judge_oldest(struct frame_cache *cache)
{
    bool is_probation_full = cache->probation_used > cache->settings.bytes_max / PROBATION_SHARE;
    struct list_link *queue = is_probation_full || list_is_empty(&cache->proved) ? &cache->probation : &cache->proved;
    struct frame_entry *oldest = LIST_ELEMENT(queue->next, struct frame_entry, order);
    if (oldest->holders > 0) {
        queue_anew(cache, oldest, oldest->is_on_probation);
    } else if (oldest->uses > 0) {
        oldest->uses = oldest->is_on_probation ? 0 : oldest->uses - 1;
        queue_anew(cache, oldest, false);
    } else {
        drop(cache, oldest);
    }
}

static bool make_room(struct frame_cache *cache, uint64_t bytes)
{
    if (bytes > cache->settings.bytes_max)
        return false;
    for (unsigned steps = 0; cache->used + bytes > cache->settings.bytes_max; steps++) {
        if (steps == STEPS_MAX)
            return false;
        judge_oldest(cache);
    }
    return true;
}

/* ---- who comes in ---- */

static uint64_t sight_of(uint64_t hash, uint64_t era)
{
    return hash + era * 0x9e3779b97f4a7c15u; /* both halves change, as sights take them for themselves */
}

/* From now on it was decoded. Was it before, in this era or the last? What comes again later than that would have been
 * driven out before anybody could use it: larger downloads that are repeated let nothing in. */
static bool note_decoded(struct frame_cache *cache, uint64_t hash, uint64_t bytes)
{
    cache->era_bytes += bytes;
    if (cache->era_bytes > cache->settings.bytes_max) {
        cache->era++;
        cache->era_bytes = bytes;
    }
    bool in_this_era = sights_note(cache->sights, sight_of(hash, cache->era));
    bool in_the_last = sights_note(cache->sights, sight_of(hash, cache->era - 1));
    return in_this_era || in_the_last;
}

static uint8_t *append(uint8_t *bytes, struct span text)
{
    if (text.size > 0)
        memcpy(bytes, text.data, text.size);
    return bytes + text.size;
}

static size_t text_size(const struct decoded_frame *frame)
{
    return frame->name->bucket.size + frame->name->key.size + strlen(frame->attributes->stored_etag) +
           strlen(frame->attributes->etag);
}

static struct frame_entry *create(const struct decoded_frame *frame, uint64_t hash, uint64_t time)
{
    const struct object_name *name = frame->name;
    const struct object_attributes *attributes = frame->attributes;
    struct span stored_etag = span_from_string(attributes->stored_etag);
    struct span etag = span_from_string(attributes->etag);
    struct frame_entry *entry = malloc(sizeof *entry + text_size(frame));
    if (entry == NULL)
        return NULL;
    *entry = (struct frame_entry){.hash = hash,
                                  .offset = frame->offset,
                                  .stored_size = attributes->stored_size,
                                  .original_size = attributes->original_size,
                                  .codec = attributes->codec,
                                  .layout = attributes->layout,
                                  .bucket_size = (unsigned)name->bucket.size,
                                  .key_size = (unsigned)name->key.size,
                                  .stored_etag_size = (unsigned)stored_etag.size,
                                  .etag_size = (unsigned)etag.size,
                                  .holders = 1,
                                  .bytes = frame->bytes,
                                  .size = frame->size,
                                  .used_at = time,
                                  .is_secret = frame->is_secret};
    (void)append(append(append(append(entry->text, name->bucket), name->key), stored_etag), etag);
    return entry;
}

static void enter(struct frame_cache *cache, struct frame_entry *entry, bool is_on_probation)
{
    struct frame_entry **chain = chain_of(cache, entry->hash);
    entry->next = *chain;
    *chain = entry;
    entry->is_on_probation = is_on_probation;
    list_append(is_on_probation ? &cache->probation : &cache->proved, &entry->order);
    count(cache, is_on_probation, charge_of(entry));
}

struct frame_entry *frame_cache_offer(struct frame_cache *cache, const struct decoded_frame *frame)
{
    const struct object_name *name = frame->name;
    if (frame->size == 0 || frame->size > FRAME_ORIGINAL_BYTES || frame->attributes->stored_etag[0] == '\0' ||
        cache->settings.bytes_max == 0)
        return NULL;
    metric_add(&cache->settings.counters->misses, 1);
    uint64_t hash = hash_of_frame(hash_of_object(cache, name, frame->attributes), frame->offset);
    uint64_t bytes = charge(text_size(frame), frame->size);
    bool comes_again = note_decoded(cache, hash + frame->offset, bytes);
    uint64_t end = frame->offset + frame->size;
    if ((!comes_again && !frame->is_part_wanted) ||
        search(cache, hash, name, frame->attributes, frame->offset, end) != NULL || !make_room(cache, bytes))
        return NULL;
    struct frame_entry *entry = create(frame, hash, ++cache->time);
    if (entry != NULL)
        enter(cache, entry, !comes_again);
    return entry;
}
