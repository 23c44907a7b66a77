/* tools/bale/transfer/file_set.c -- a hash table with open addressing; files are never removed. */
#include "tools/bale/transfer/file_set.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

enum { CAPACITY_LEAST = 64 };

/* The slot that has it, or the empty one where it belongs. */
static size_t find(const struct file_set *set, const struct file_identity *wanted)
{
    uint64_t mixed = (wanted->inode ^ wanted->device << 32) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(mixed >> 32) & (set->capacity - 1);
    while (set->slots[at].inode != 0 &&
           (set->slots[at].inode != wanted->inode || set->slots[at].device != wanted->device))
        at = (at + 1) & (set->capacity - 1);
    return at;
}

static void put(struct file_set *set, const struct file_identity *file)
{
    size_t at = find(set, file);
    set->count += set->slots[at].inode == 0;
    set->slots[at] = *file;
}

static void grow(struct file_set *set)
{
    struct file_set grown = {.capacity = set->capacity == 0 ? CAPACITY_LEAST : 2 * set->capacity};
    grown.slots = calloc(grown.capacity, sizeof *grown.slots);
    ASSERT(grown.slots != NULL);
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].inode != 0)
            put(&grown, &set->slots[i]);
    }
    free(set->slots);
    *set = grown;
}

void file_set_free(struct file_set *set)
{
    free(set->slots);
    *set = (struct file_set){0};
}

bool file_set_has(const struct file_set *set, const struct stat *file)
{
    const struct file_identity wanted = {file->st_dev, file->st_ino};
    return set->capacity > 0 && set->slots[find(set, &wanted)].inode != 0;
}

void file_set_add(struct file_set *set, const struct stat *file)
{
    const struct file_identity added = {file->st_dev, file->st_ino};
    if (4 * (set->count + 1) > 3 * set->capacity)
        grow(set);
    put(set, &added);
}
