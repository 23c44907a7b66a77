/* store/remote/rows/row_memory.c -- who is in a set is told by two cache lines; a row is touched when it is the one. */
#include "store/remote/rows/row_memory.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

enum { WAYS = 8, SETS = ROWS_IN_MEMORY / WAYS };

struct row_set {
    uint32_t tags[WAYS]; /* of keys; 0: nobody is there */
    uint32_t used[WAYS]; /* when it was last asked for; 0: never */
    struct remembered_row rows[WAYS];
};

struct row_memory {
    uint32_t time; /* counts uses; when it begins anew, some rows go before their time */
    struct row_set sets[SETS];
};

struct row_memory *row_memory_create(void)
{
    struct row_memory *memory = calloc(1, sizeof *memory);
    ASSERT(memory != NULL);
    return memory;
}

void row_memory_destroy(struct row_memory *memory)
{
    free(memory);
}

/* Keys are hashes: their first bytes choose the set, the next ones are the tag. */
static struct row_set *set_of(struct row_memory *memory, const uint8_t key[ROW_KEY_BYTES])
{
    return &memory->sets[load_u32_le(key) % SETS];
}

static uint32_t tag_of(const uint8_t key[ROW_KEY_BYTES])
{
    return load_u32_le(key + sizeof(uint32_t)) | 1;
}

static struct remembered_row *use(struct row_memory *memory, struct row_set *set, unsigned way)
{
    set->used[way] = ++memory->time;
    return &set->rows[way];
}

struct remembered_row *row_memory_find(struct row_memory *memory, const uint8_t key[ROW_KEY_BYTES])
{
    struct row_set *set = set_of(memory, key);
    uint32_t tag = tag_of(key);
    for (unsigned way = 0; way < WAYS; way++) {
        if (set->tags[way] == tag && memcmp(set->rows[way].key, key, ROW_KEY_BYTES) == 0)
            return use(memory, set, way);
    }
    return NULL;
}

struct remembered_row *row_memory_place(struct row_memory *memory, const uint8_t key[ROW_KEY_BYTES])
{
    struct row_set *set = set_of(memory, key);
    struct remembered_row *own = row_memory_find(memory, key);
    unsigned oldest = 0;
    if (own != NULL)
        return own;
    for (unsigned way = 1; way < WAYS; way++) {
        if (set->used[way] < set->used[oldest])
            oldest = way;
    }
    set->tags[oldest] = tag_of(key);
    memcpy(set->rows[oldest].key, key, ROW_KEY_BYTES);
    return use(memory, set, oldest);
}
