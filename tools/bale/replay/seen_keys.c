/* tools/bale/replay/seen_keys.c -- a table with open addressing, at most three quarters full. */
#include "tools/bale/replay/seen_keys.h"

#include "runtime/base/assert.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SLOTS_LEAST = 1 << 12 };

bool seen_keys_init(struct seen_keys *keys, struct error *error)
{
    *keys = (struct seen_keys){.slots = calloc(SLOTS_LEAST, sizeof *keys->slots), .slots_count = SLOTS_LEAST};
    return keys->slots != NULL || error_set(error, ERROR_BUSY, NULL, "There is no memory for a table of keys.");
}

void seen_keys_free(struct seen_keys *keys)
{
    free(keys->slots);
    *keys = (struct seen_keys){0};
}

static struct seen_key *find_slot(struct seen_key *slots, uint64_t slots_count, uint64_t hash)
{
    uint64_t slot = hash & (slots_count - 1);
    while (slots[slot].hash != 0 && slots[slot].hash != hash)
        slot = (slot + 1) & (slots_count - 1);
    return &slots[slot];
}

static bool grow(struct seen_keys *keys)
{
    uint64_t count = 2 * keys->slots_count;
    struct seen_key *slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint64_t i = 0; i < keys->slots_count; i++) {
        if (keys->slots[i].hash != 0)
            *find_slot(slots, count, keys->slots[i].hash) = keys->slots[i];
    }
    free(keys->slots);
    keys->slots = slots;
    keys->slots_count = count;
    return true;
}

struct seen_key *seen_keys_at(struct seen_keys *keys, uint64_t hash, struct error *error)
{
    ASSERT(hash != 0);
    if (keys->count >= keys->slots_count / 4 * 3 && !grow(keys)) {
        (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for more than %" PRIu64 " keys.", keys->count);
        return NULL;
    }
    struct seen_key *key = find_slot(keys->slots, keys->slots_count, hash);
    if (key->hash == 0) {
        key->hash = hash;
        keys->count++;
    }
    return key;
}
