/* store/remote/rows/rows.c -- rows in a shard's memory, before those on disk; trailers that were read. */
#include "store/remote/rows/rows.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/list.h"
#include "runtime/log/log.h"
#include "store/remote/rows/row_memory.h"
#include "store/remote/rows/rows_file.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { TRAILER_CHAINS = 1024, TRAILER_OVERHEAD_BYTES = 512 };

struct rows {
    struct rows_file *file; /* NULL: in memory only */
    const struct veil *veil;
    atomic_uint_fast64_t sequence;
    atomic_uint shards;
};

/* In a chain of its hash, and in the order of use, the oldest first. `holders` read it; an entry that left is freed by
 * the last of them. */
struct trailer_entry {
    struct kept_trailer kept; /* first */
    struct list_link use;
    struct trailer_entry *next;
    uint8_t key[ROW_KEY_BYTES];
    struct buffer frame;
    unsigned holders;
    bool has_left;
};

struct rows_shard {
    struct rows *rows;
    struct rows_reader *reader;
    struct row_memory *memory;
    struct trailer_entry *chains[TRAILER_CHAINS];
    struct list_link use;
    size_t trailers_bytes;
};

struct rows *rows_open(const char *folder, uint64_t bytes_max, const struct veil *veil, struct error *error)
{
    struct rows *rows = calloc(1, sizeof *rows);
    ASSERT(rows != NULL);
    rows->veil = veil;
    rows->sequence = (uint64_t)clock_wall_ms(clock_system()) << 20; /* behind all that an earlier process counted */
    if (folder != NULL) {
        rows->file = rows_file_open(folder, bytes_max, error);
        if (rows->file == NULL && error->kind != ERROR_FULL) {
            free(rows);
            return NULL;
        }
        if (rows->file == NULL)
            log_message(LOG_WARNING, "No rows are kept on disk until the next start: %s", error->message);
    }
    return rows;
}

void rows_close(struct rows *rows)
{
    rows_file_close(rows->file);
    free(rows);
}

void rows_usage(const struct rows *rows, struct rows_usage *ret_usage)
{
    *ret_usage = (struct rows_usage){0};
    if (rows->file != NULL)
        rows_file_usage(rows->file, ret_usage);
}

struct rows_shard *rows_attach(struct rows *rows)
{
    struct rows_shard *shard = calloc(1, sizeof *shard);
    ASSERT(shard != NULL);
    shard->rows = rows;
    shard->memory = row_memory_create();
    if (rows->file != NULL)
        shard->reader = rows_reader_create(rows->file); /* without one, memory has to do */
    list_init(&shard->use);
    atomic_fetch_add(&rows->shards, 1);
    return shard;
}

static void leave(struct rows_shard *shard, struct trailer_entry *entry);

void rows_detach(struct rows_shard *shard)
{
    while (!list_is_empty(&shard->use))
        leave(shard, LIST_ELEMENT(shard->use.next, struct trailer_entry, use));
    rows_reader_destroy(shard->reader);
    row_memory_destroy(shard->memory);
    atomic_fetch_sub(&shard->rows->shards, 1);
    free(shard);
}

/* ---- rows ---- */

/* Can the file have something newer? */
static bool is_newest(const struct rows_shard *shard, const struct remembered_row *remembered, uint64_t file_version)
{
    return atomic_load_explicit(&shard->rows->shards, memory_order_relaxed) <= 1 ||
           remembered->file_version == file_version;
}

/* Another shard may have written the key since: then the file's row is newer, unless it is still on its way there,
 * which costs a request and nothing else. */
bool rows_find(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES], struct row *ret_row)
{
    struct remembered_row *remembered = row_memory_find(shard->memory, key);
    uint64_t file_version = shard->rows->file != NULL ? rows_file_version(shard->rows->file) : 0;
    if (remembered == NULL || !is_newest(shard, remembered, file_version)) {
        bool found = shard->reader != NULL && rows_reader_find(shard->reader, key, ret_row);
        if (!found && remembered == NULL)
            return false;
        if (found && (remembered == NULL || remembered->row.sequence < ret_row->sequence)) {
            remembered = row_memory_place(shard->memory, key);
            remembered->is_dropped = false;
            remembered->row = *ret_row;
            if (ret_row->seal_size > 0)
                row_lift_veil(&remembered->row, shard->rows->veil);
        }
        remembered->file_version = file_version;
    }
    *ret_row = remembered->row;
    return !remembered->is_dropped;
}

void rows_put(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES], struct row *row)
{
    struct remembered_row *place = row_memory_place(shard->memory, key);
    row->sequence = atomic_fetch_add(&shard->rows->sequence, 1);
    place->is_dropped = false;
    place->file_version = 0;
    place->row = *row;
    if (shard->rows->file != NULL)
        rows_file_put(shard->rows->file, key, row);
}

void rows_drop(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES])
{
    struct remembered_row *place = row_memory_place(shard->memory, key);
    place->is_dropped = true;
    place->file_version = 0;
    place->row.sequence = atomic_fetch_add(&shard->rows->sequence, 1);
    if (shard->rows->file != NULL)
        rows_file_put(shard->rows->file, key, NULL);
}

/* ---- trailers ---- */

static struct trailer_entry **chain_of(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES])
{
    return &shard->chains[((unsigned)key[2] << 8 | key[3]) % TRAILER_CHAINS];
}

static size_t entry_bytes(const struct trailer_entry *entry)
{
    return entry->frame.size + TRAILER_OVERHEAD_BYTES;
}

static void free_entry(struct trailer_entry *entry)
{
    buffer_free(&entry->frame);
    free(entry);
}

static void leave(struct rows_shard *shard, struct trailer_entry *entry)
{
    struct trailer_entry **place = chain_of(shard, entry->key);
    while (*place != entry)
        place = &(*place)->next;
    *place = entry->next;
    list_remove(&entry->use);
    shard->trailers_bytes -= entry_bytes(entry);
    entry->has_left = true;
    if (entry->holders == 0)
        free_entry(entry);
}

static struct trailer_entry *find_entry(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES])
{
    struct trailer_entry *entry = *chain_of(shard, key);
    while (entry != NULL && memcmp(entry->key, key, ROW_KEY_BYTES) != 0)
        entry = entry->next;
    return entry;
}

const struct kept_trailer *rows_find_trailer(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES],
                                             struct span stored_etag)
{
    struct trailer_entry *entry = find_entry(shard, key);
    if (entry == NULL)
        return NULL;
    if (!span_equal(span_from_string(entry->kept.stored_etag), stored_etag)) {
        leave(shard, entry); /* of a body that has been replaced */
        return NULL;
    }
    list_remove(&entry->use);
    list_append(&shard->use, &entry->use);
    entry->holders++;
    return &entry->kept;
}

const struct kept_trailer *rows_keep_trailer(struct rows_shard *shard, const uint8_t key[ROW_KEY_BYTES],
                                             struct span stored_etag, struct buffer *frame,
                                             const struct trailer *trailer)
{
    struct trailer_entry *earlier = find_entry(shard, key);
    if (earlier != NULL)
        leave(shard, earlier);
    struct trailer_entry *entry = calloc(1, sizeof *entry);
    ASSERT(entry != NULL && stored_etag.size < sizeof entry->kept.stored_etag);
    memcpy(entry->key, key, ROW_KEY_BYTES);
    memcpy(entry->kept.stored_etag, stored_etag.data, stored_etag.size);
    entry->kept.trailer = *trailer; /* its spans point into the frame's bytes, which do not move */
    entry->frame = *frame;
    *frame = (struct buffer){0};
    entry->holders = 1;
    if (entry->frame.size > TRAILER_KEPT_BYTES_MAX) {
        list_init(&entry->use);
        entry->has_left = true;
        return &entry->kept;
    }
    struct trailer_entry **chain = chain_of(shard, key);
    entry->next = *chain;
    *chain = entry;
    list_append(&shard->use, &entry->use);
    shard->trailers_bytes += entry_bytes(entry);
    while (shard->trailers_bytes > TRAILERS_BYTES_MAX)
        leave(shard, LIST_ELEMENT(shard->use.next, struct trailer_entry, use));
    return &entry->kept;
}

void rows_give_trailer(struct rows_shard *shard, const struct kept_trailer *kept)
{
    (void)shard;
    if (kept == NULL)
        return;
    struct trailer_entry *entry = (struct trailer_entry *)(uintptr_t)kept;
    ASSERT(entry->holders > 0);
    if (--entry->holders == 0 && entry->has_left)
        free_entry(entry);
}
