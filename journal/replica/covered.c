/* journal/replica/covered.c -- rolls of the last generations, in memory. */
#include "journal/replica/covered.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

struct stored_key {
    uint8_t bytes[SEGMENT_KEY_STORED_BYTES];
    uint64_t hash;
};

static struct span store_key(const struct segment_key *key, struct stored_key *ret_stored)
{
    segment_key_store(key, ret_stored->bytes);
    struct span span = span_of(ret_stored->bytes, sizeof ret_stored->bytes);
    ret_stored->hash = entries_hash(span);
    return span;
}

void covered_free(struct covered *covered)
{
    entries_free(&covered->by_key);
    for (size_t i = 0; i < covered->generations_count; i++)
        free(covered->generations[i].keys);
    free(covered->generations);
    *covered = (struct covered){0};
}

void covered_add(struct covered *covered, uint64_t generation, struct segment_key *keys, uint32_t count)
{
    size_t last = covered->generations_count;
    if (count == 0 || (last > 0 && covered->generations[last - 1].generation >= generation)) {
        free(keys);
        return;
    }
    if (last == covered->generations_capacity) {
        covered->generations_capacity = last == 0 ? 32 : 2 * last;
        covered->generations =
            realloc(covered->generations, covered->generations_capacity * sizeof *covered->generations);
        ASSERT(covered->generations != NULL);
    }
    covered->generations[covered->generations_count++] = (struct covered_generation){generation, keys, count};
    for (uint32_t i = 0; i < count; i++) {
        struct stored_key stored;
        struct span span = store_key(&keys[i], &stored);
        (void)entries_put(&covered->by_key, span, stored.hash, span_of(&generation, sizeof generation));
    }
}

void covered_forget(struct covered *covered, uint64_t oldest)
{
    size_t gone = 0;
    for (; gone < covered->generations_count && covered->generations[gone].generation < oldest; gone++) {
        struct covered_generation *generation = &covered->generations[gone];
        for (uint32_t i = 0; i < generation->count; i++) {
            struct stored_key stored;
            struct span span = store_key(&generation->keys[i], &stored);
            entries_remove(&covered->by_key, span, stored.hash);
        }
        free(generation->keys);
    }
    if (gone == 0)
        return;
    covered->generations_count -= gone;
    memmove(covered->generations, covered->generations + gone,
            covered->generations_count * sizeof *covered->generations);
}

uint64_t covered_generation(const struct covered *covered, const struct segment_key *key)
{
    struct stored_key stored;
    struct span span = store_key(key, &stored);
    const struct entry *entry = entries_find(&covered->by_key, span, stored.hash);
    return entry == NULL ? 0 : load_u64_le(entry_value(entry).data);
}
