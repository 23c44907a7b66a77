/* journal/format/entries.c -- hash tables with linear probing; removal moves the followers up, so that no marks are
 * left. */
#include "journal/format/entries.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum {
    SLOTS_FIRST = 16,
    TABLES_MAX = 256,
    ENTRIES_OF_ONE_TABLE = 32768,
    TABLE_SHIFT = 40, /* of a place in all tables: table and slot */
    BLOCK_BYTES_FIRST = 512,
    BLOCK_BYTES_MAX = 64 << 10,
    SMALL_BYTES_MAX = (ENTRY_CLASSES - 1) * ENTRY_CLASS_BYTES,
};

struct entry_block {
    struct entry_block *next;
    size_t size;
    uint8_t bytes[];
};

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

uint64_t entries_hash(struct span key)
{
    return crc64nvme_update(0, key);
}

/* ---- memory of entries ---- */

static size_t bytes_of(size_t key_size, size_t value_size)
{
    size_t size = offsetof(struct entry, bytes) + key_size + value_size;
    return (size + ENTRY_CLASS_BYTES - 1) / ENTRY_CLASS_BYTES * ENTRY_CLASS_BYTES;
}

static void add_block(struct entries *entries)
{
    size_t size = entries->blocks == NULL ? BLOCK_BYTES_FIRST : 2 * entries->blocks->size;
    if (size > BLOCK_BYTES_MAX)
        size = BLOCK_BYTES_MAX;
    struct entry_block *block = malloc(sizeof *block + size);
    ASSERT(block != NULL);
    block->next = entries->blocks;
    block->size = size;
    entries->blocks = block;
    entries->block_room = size;
}

/* The end of the newest block is lost when it does not suffice. */
static struct entry *take_memory(struct entries *entries, size_t size)
{
    struct entry *unused = size > SMALL_BYTES_MAX ? NULL : entries->unused[size / ENTRY_CLASS_BYTES];
    if (unused != NULL) {
        entries->unused[size / ENTRY_CLASS_BYTES] = (struct entry *)(uintptr_t)unused->hash; /* the next one */
        return unused;
    }
    if (size > SMALL_BYTES_MAX) {
        struct entry *large = malloc(size);
        ASSERT(large != NULL);
        entries->large_count++;
        return large;
    }
    while (entries->block_room < size)
        add_block(entries);
    struct entry_block *block = entries->blocks;
    uint8_t *memory = block->bytes + block->size - entries->block_room;
    entries->block_room -= size;
    return (struct entry *)(void *)memory;
}

static void give_memory_back(struct entries *entries, struct entry *entry)
{
    size_t size = bytes_of(entry->key_size, entry->value_size);
    if (size > SMALL_BYTES_MAX) {
        entries->large_count--;
        free(entry);
        return;
    }
    entry->hash = (uint64_t)(uintptr_t)entries->unused[size / ENTRY_CLASS_BYTES];
    entries->unused[size / ENTRY_CLASS_BYTES] = entry;
}

static struct entry *make_entry(struct entries *entries, struct span key, uint64_t hash, size_t value_size)
{
    struct entry *entry = take_memory(entries, bytes_of(key.size, value_size));
    entry->hash = hash;
    entry->key_size = (uint32_t)key.size;
    entry->value_size = (uint32_t)value_size;
    memcpy(entry->bytes, key.data, key.size);
    return entry;
}

/* ---- one table ---- */

static uint8_t tag_of(uint64_t mixed)
{
    return (uint8_t)(0x80 | mixed >> 57);
}

/* Where the key is, or the empty slot where it would be. */
static size_t slot_of(const struct entry_table *table, struct span key, uint64_t hash, uint64_t mixed)
{
    size_t mask = table->slots_count - 1;
    size_t slot = mixed & mask;
    for (; table->tags[slot] != 0; slot = (slot + 1) & mask) {
        if (table->tags[slot] != tag_of(mixed))
            continue;
        const struct entry *entry = table->slots[slot];
        if (entry->hash == hash && span_equal(entry_key(entry), key))
            break;
    }
    return slot;
}

static void table_init(struct entry_table *table, size_t slots_count)
{
    table->slots = calloc(slots_count, sizeof(struct entry *) + 1); /* the tags behind the slots */
    ASSERT(table->slots != NULL);
    table->tags = (uint8_t *)(table->slots + slots_count);
    table->slots_count = slots_count;
    table->count = 0;
}

/* The key is not there, and there is room. */
static void table_insert(struct entry_table *table, struct entry *entry, uint64_t mixed)
{
    size_t mask = table->slots_count - 1;
    size_t slot = mixed & mask;
    while (table->tags[slot] != 0)
        slot = (slot + 1) & mask;
    table->slots[slot] = entry;
    table->tags[slot] = tag_of(mixed);
    table->count++;
}

static void table_grow(struct entry_table *table)
{
    struct entry_table larger;
    table_init(&larger, 2 * table->slots_count);
    for (size_t i = 0; i < table->slots_count; i++) {
        if (table->tags[i] != 0)
            table_insert(&larger, table->slots[i], mix(table->slots[i]->hash));
    }
    free(table->slots);
    *table = larger;
}

static void table_remove(struct entry_table *table, size_t hole)
{
    size_t mask = table->slots_count - 1;
    for (size_t slot = (hole + 1) & mask; table->tags[slot] != 0; slot = (slot + 1) & mask) {
        size_t home = mix(table->slots[slot]->hash) & mask;
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue; /* its home lies behind the hole */
        table->slots[hole] = table->slots[slot];
        table->tags[hole] = table->tags[slot];
        hole = slot;
    }
    table->slots[hole] = NULL;
    table->tags[hole] = 0;
    table->count--;
}

/* ---- all of them ---- */

static struct entry_table *table_of(const struct entries *entries, uint64_t mixed)
{
    return &entries->tables[mixed >> 48 & (entries->tables_count - 1)];
}

static void make_tables(struct entries *entries, unsigned count, size_t slots_count)
{
    entries->tables = calloc(count, sizeof *entries->tables);
    ASSERT(entries->tables != NULL);
    entries->tables_count = count;
    for (unsigned i = 0; i < count; i++)
        table_init(&entries->tables[i], slots_count);
}

static void split(struct entries *entries)
{
    struct entry_table *one = entries->tables;
    make_tables(entries, TABLES_MAX, 2 * ENTRIES_OF_ONE_TABLE / TABLES_MAX);
    for (size_t i = 0; i < one->slots_count; i++) {
        if (one->tags[i] == 0)
            continue;
        uint64_t mixed = mix(one->slots[i]->hash);
        struct entry_table *table = table_of(entries, mixed);
        if (table->count + 1 > table->slots_count / 4 * 3)
            table_grow(table);
        table_insert(table, one->slots[i], mixed);
    }
    free(one->slots);
    free(one);
}

/* Where an entry of this hash belongs, with room for it. */
static struct entry_table *make_room(struct entries *entries, uint64_t mixed)
{
    if (entries->tables_count == 0)
        make_tables(entries, 1, SLOTS_FIRST);
    if (entries->tables_count == 1 && entries->count == ENTRIES_OF_ONE_TABLE)
        split(entries);
    struct entry_table *table = table_of(entries, mixed);
    if (table->count + 1 > table->slots_count / 4 * 3)
        table_grow(table);
    return table;
}

const struct entry *entries_find(const struct entries *entries, struct span key, uint64_t hash)
{
    if (entries->count == 0)
        return NULL;
    uint64_t mixed = mix(hash);
    const struct entry_table *table = table_of(entries, mixed);
    return table->slots[slot_of(table, key, hash, mixed)];
}

static struct entry *put(struct entries *entries, struct span key, uint64_t hash, struct span value, bool is_deleted)
{
    uint64_t mixed = mix(hash);
    struct entry_table *table = make_room(entries, mixed);
    size_t slot = slot_of(table, key, hash, mixed);
    struct entry *old = table->slots[slot];
    struct entry *entry =
        old != NULL && old->value_size == value.size ? old : make_entry(entries, key, hash, value.size);
    entry->is_deleted = is_deleted;
    if (value.size > 0)
        memmove(entry->bytes + key.size, value.data, value.size);
    table->slots[slot] = entry;
    table->tags[slot] = tag_of(mixed);
    entries->bytes += key.size + value.size;
    if (old == NULL) {
        table->count++;
        entries->count++;
    } else {
        entries->bytes -= old->key_size + old->value_size;
    }
    if (old != NULL && old != entry)
        give_memory_back(entries, old);
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
    uint64_t mixed = mix(hash);
    struct entry_table *table = table_of(entries, mixed);
    size_t slot = slot_of(table, key, hash, mixed);
    struct entry *removed = table->slots[slot];
    if (removed == NULL)
        return;
    table_remove(table, slot);
    entries->count--;
    entries->bytes -= removed->key_size + removed->value_size;
    give_memory_back(entries, removed);
}

const struct entry *entries_next(const struct entries *entries, size_t *at)
{
    size_t table = *at >> TABLE_SHIFT;
    size_t slot = *at & (((size_t)1 << TABLE_SHIFT) - 1);
    for (; table < entries->tables_count; table++, slot = 0) {
        while (slot < entries->tables[table].slots_count) {
            const struct entry *entry = entries->tables[table].slots[slot++];
            if (entry == NULL)
                continue;
            *at = table << TABLE_SHIFT | slot;
            return entry;
        }
    }
    *at = table << TABLE_SHIFT;
    return NULL;
}

static bool free_large_ones(struct entries *entries, size_t *at, size_t most)
{
    for (; entries->large_count > 0 && most > 0; most--) {
        const struct entry *entry = entries_next(entries, at);
        if (bytes_of(entry->key_size, entry->value_size) <= SMALL_BYTES_MAX)
            continue;
        free((struct entry *)entry);
        entries->large_count--;
    }
    return entries->large_count > 0;
}

static bool free_blocks(struct entries *entries, size_t most)
{
    for (struct entry_block *block; (block = entries->blocks) != NULL; most--) {
        if (most == 0)
            return true;
        entries->blocks = block->next;
        free(block);
    }
    return false;
}

bool entries_free_some(struct entries *entries, size_t *at, size_t most)
{
    if (free_large_ones(entries, at, most) || free_blocks(entries, most / 16 + 1))
        return true;
    for (unsigned i = 0; i < entries->tables_count; i++)
        free(entries->tables[i].slots);
    free(entries->tables);
    *entries = (struct entries){0};
    return false;
}

void entries_free(struct entries *entries)
{
    size_t at = 0;
    while (entries_free_some(entries, &at, SIZE_MAX))
        ;
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
