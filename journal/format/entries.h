/* journal/format/entries.h -- byte strings by byte string: the one shape that all state of the journal has.
 *
 * A hash table that owns copies of what is put in. An entry may say "deleted": in a layer of changes that hides the
 * entry of the layer below. The digest of a set of entries does not depend on their order:
 *
 *   sum modulo 2^64, over all entries that are not deleted, of mix(CRC64NVME(key bytes, then value bytes) + key size)
 *   mix(x): x ^= x >> 33; x *= 0xff51afd7ed558ccd; x ^= x >> 33; x *= 0xc4ceb9fe1a85ec53; x ^= x >> 33
 *
 * Memory is taken as the table grows; running out of it stops the process, as for struct buffer. */
#pragma once

#include "runtime/base/span.h"

#include <stdint.h>

struct entry {
    uint64_t hash; /* CRC64NVME of the key */
    uint32_t key_size;
    uint32_t value_size;
    bool is_deleted;
    uint8_t bytes[]; /* the key, then the value */
};

/* With linear probing. Whether a slot is worth looking at says its tag, a few bits of the hash: tags lie together, the
 * entries do not. */
struct entry_table {
    struct entry **slots; /* a power of two of them */
    uint8_t *tags;        /* 0: the slot is empty */
    size_t slots_count;
    size_t count;
};

struct entry_block;

enum { ENTRY_CLASSES = 32, ENTRY_CLASS_BYTES = 16 };

/* One table; of many entries many tables, so that none takes long to grow. Small entries lie in blocks, which go with
 * the whole; what is removed of them is used again for entries of about the same size. */
struct entries {
    struct entry_table *tables;
    unsigned tables_count; /* a power of two; 0: empty */
    size_t count;          /* deleted ones included */
    size_t bytes;          /* of keys and values */
    size_t large_count;    /* entries that are not in a block */
    struct entry_block *blocks;
    size_t block_room; /* at the end of the newest block */
    struct entry *unused[ENTRY_CLASSES];
};

static inline struct span entry_key(const struct entry *entry)
{
    return span_of(entry->bytes, entry->key_size);
}

static inline struct span entry_value(const struct entry *entry)
{
    return span_of(entry->bytes + entry->key_size, entry->value_size);
}

uint64_t entry_digest(const struct entry *entry); /* 0 for one that is deleted */

/* A zeroed struct is empty. */
void entries_free(struct entries *entries);
/* The same in steps of `most` entries, of entries that nobody uses any more. Start with *at = 0; true: there is more.
 */
bool entries_free_some(struct entries *entries, size_t *at, size_t most);
uint64_t entries_hash(struct span key);
/* NULL when there is none; valid until the entry is put again. */
const struct entry *entries_find(const struct entries *entries, struct span key, uint64_t hash);
/* Replaces what is there. The value may lie in the entry that is replaced. */
const struct entry *entries_put(struct entries *entries, struct span key, uint64_t hash, struct span value);
/* Leaves an entry that says "deleted". */
void entries_put_deleted(struct entries *entries, struct span key, uint64_t hash);
/* Takes the entry out altogether. */
void entries_remove(struct entries *entries, struct span key, uint64_t hash);
/* The next entry at or behind *at, which starts at 0; NULL at the end. The order means nothing. */
const struct entry *entries_next(const struct entries *entries, size_t *at);
/* All of them in the byte order of their keys; free() the array. NULL when there is none. */
const struct entry **entries_sorted(const struct entries *entries);
