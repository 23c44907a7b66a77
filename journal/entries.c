/* journal/entries.c -- a hash table with linear probing; removal moves the followers up, so that no marks are left. */
#include "journal/entries.h"

#include "codec/crc.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { SLOTS_FIRST = 16 };

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdU;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53U;
    return x ^ x >> 33;
}

uint64_t entry_digest(const struct entry *entry)
{
    if (entry->is_deleted)
        return 0;
    return mix(crc64nvme_update(entry->hash, entry_value(entry)) + entry->key_size);
}

bool entries_free_some(struct entries *entries, size_t *at, size_t most)
{
    for (; *at < entries->slots_count && most > 0; ++*at) {
        most -= entries->slots[*at] != NULL;
        free(entries->slots[*at]);
    }
    if (*at < entries->slots_count)
        return true;
    free(entries->slots);
    *entries = (struct entries){0};
    return false;
}

void entries_free(struct entries *entries)
{
    size_t at = 0;
    while (entries_free_some(entries, &at, SIZE_MAX))
        ;
}

uint64_t entries_hash(struct span key)
{
    return crc64nvme_update(0, key);
}

/* Where the key is, or the empty slot where it would be. */
static size_t slot_of(const struct entries *entries, struct span key, uint64_t hash)
{
    size_t mask = entries->slots_count - 1;
    size_t slot = mix(hash) & mask;
    for (; entries->slots[slot] != NULL; slot = (slot + 1) & mask) {
        const struct entry *entry = entries->slots[slot];
        if (entry->hash == hash && span_equal(entry_key(entry), key))
            break;
    }
    return slot;
}

const struct entry *entries_find(const struct entries *entries, struct span key, uint64_t hash)
{
    return entries->count == 0 ? NULL : entries->slots[slot_of(entries, key, hash)];
}

static void grow(struct entries *entries)
{
    struct entries larger = {.slots_count = entries->slots_count == 0 ? SLOTS_FIRST : 2 * entries->slots_count};
    larger.slots = calloc(larger.slots_count, sizeof(struct entry *));
    ASSERT(larger.slots != NULL);
    for (size_t i = 0; i < entries->slots_count; i++) {
        struct entry *entry = entries->slots[i];
        if (entry != NULL)
            larger.slots[slot_of(&larger, entry_key(entry), entry->hash)] = entry;
    }
    free(entries->slots);
    entries->slots = larger.slots;
    entries->slots_count = larger.slots_count;
}

static struct entry *put(struct entries *entries, struct span key, uint64_t hash, struct span value, bool is_deleted)
{
    if (entries->count + 1 > entries->slots_count / 4 * 3)
        grow(entries);
    size_t slot = slot_of(entries, key, hash);
    struct entry *old = entries->slots[slot];
    struct entry *entry = old;
    if (old == NULL || old->value_size != value.size) {
        entry = malloc(sizeof *entry + key.size + value.size);
        ASSERT(entry != NULL);
        *entry = (struct entry){.hash = hash, .key_size = (uint32_t)key.size, .value_size = (uint32_t)value.size};
        memcpy(entry->bytes, key.data, key.size);
    }
    entry->is_deleted = is_deleted;
    if (value.size > 0)
        memmove(entry->bytes + key.size, value.data, value.size);
    entries->slots[slot] = entry;
    entries->bytes += key.size + value.size;
    if (old == NULL)
        entries->count++;
    else
        entries->bytes -= old->key_size + old->value_size;
    if (old != entry)
        free(old);
    return entry;
}

const struct entry *entries_put(struct entries *entries, struct span key, uint64_t hash, struct span value)
{
    return put(entries, key, hash, value, false);
}

void entries_put_deleted(struct entries *entries, struct span key, uint64_t hash)
{
    (void)put(entries, key, hash, SPAN_EMPTY, true);
}

void entries_remove(struct entries *entries, struct span key, uint64_t hash)
{
    if (entries->count == 0)
        return;
    size_t mask = entries->slots_count - 1;
    size_t hole = slot_of(entries, key, hash);
    struct entry *removed = entries->slots[hole];
    if (removed == NULL)
        return;
    entries->count--;
    entries->bytes -= removed->key_size + removed->value_size;
    free(removed);
    for (size_t slot = (hole + 1) & mask; entries->slots[slot] != NULL; slot = (slot + 1) & mask) {
        size_t home = mix(entries->slots[slot]->hash) & mask;
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue; /* its home lies behind the hole */
        entries->slots[hole] = entries->slots[slot];
        hole = slot;
    }
    entries->slots[hole] = NULL;
}

const struct entry *entries_next(const struct entries *entries, size_t *at)
{
    while (*at < entries->slots_count) {
        const struct entry *entry = entries->slots[(*at)++];
        if (entry != NULL)
            return entry;
    }
    return NULL;
}

static int by_key(const void *a, const void *b)
{
    return span_compare(entry_key(*(const struct entry *const *)a), entry_key(*(const struct entry *const *)b));
}

const struct entry **entries_sorted(const struct entries *entries)
{
    if (entries->count == 0)
        return NULL;
    const struct entry **sorted = calloc(entries->count, sizeof(struct entry *));
    ASSERT(sorted != NULL);
    size_t count = 0;
    size_t at = 0;
    for (const struct entry *entry; (entry = entries_next(entries, &at)) != NULL;)
        sorted[count++] = entry;
    qsort(sorted, count, sizeof(struct entry *), by_key);
    return sorted;
}
