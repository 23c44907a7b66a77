/* store/embedded/objects/list.c -- a page of keys: a walk of the catalogue that seeks past what a common prefix hides.
 *
 * The cost of a page grows with the page, not with the bucket: a common prefix is one seek, whatever lies below it. A
 * cold walk reads the disk, so it runs on the offload pool, in a transaction of its own, while the fiber sleeps. */
#include "store/embedded/objects/list.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"

#include <stdlib.h>

/* ---- a page of keys ---- */

struct list_job {
    struct embedded_store *store;
    const struct list_request *request;
    struct arena *arena;
    struct list_page *page;
    struct error *error;
    struct key_cursor *cursor;
    struct list_veiled *veiled;
    bool succeeded;
};

size_t list_common_prefix_bytes(struct span prefix, struct span delimiter, struct span key)
{
    if (delimiter.size == 0 || key.size < prefix.size + delimiter.size)
        return 0;
    struct span rest = span_skip(key, prefix.size);
    const uint8_t *found = memmem(rest.data, rest.size, delimiter.data, delimiter.size);
    return found == NULL ? 0 : prefix.size + (size_t)(found - rest.data) + delimiter.size;
}

static size_t common_prefix_bytes(const struct list_request *request, struct span key)
{
    return list_common_prefix_bytes(request->prefix, request->delimiter, key);
}

/* The least key behind everything that starts with `prefix`. Empty: there is none (all bytes 0xff). */
static struct span key_behind(struct span prefix, uint8_t ret_key[OBJECT_KEY_BYTES_MAX])
{
    while (prefix.size > 0 && prefix.data[prefix.size - 1] == 0xff)
        prefix.size--;
    if (prefix.size == 0)
        return SPAN_EMPTY;
    memcpy(ret_key, prefix.data, prefix.size);
    ret_key[prefix.size - 1]++;
    return span_of(ret_key, prefix.size);
}

enum lookup list_seek_behind(struct key_cursor *cursor, struct span prefix, struct error *error)
{
    uint8_t bytes[OBJECT_KEY_BYTES_MAX];
    if (prefix.size > sizeof bytes) /* a client's marker may be; no key begins with it */
        return key_cursor_seek(cursor, prefix, false, error);
    struct span target = key_behind(prefix, bytes);
    return target.size == 0 ? LOOKUP_MISSING : key_cursor_seek(cursor, target, false, error);
}

enum lookup list_seek_first(struct key_cursor *cursor, const struct list_range *range, struct error *error)
{
    struct span after = range->after;
    if (span_compare(after, range->prefix) < 0)
        return key_cursor_seek(cursor, range->prefix, false, error);
    if (span_starts_with(after, range->prefix)) {
        size_t common = list_common_prefix_bytes(range->prefix, range->delimiter, after);
        if (common > 0 && common == after.size) /* a common prefix that was listed already */
            return list_seek_behind(cursor, after, error);
    }
    return key_cursor_seek(cursor, after, !range->is_after_included, error);
}

bool list_ended(bool succeeded, struct error *error)
{
    if (!succeeded && error->code == NULL)
        error->code = S3_InternalError;
    return succeeded;
}

bool list_no_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

void list_lift_veil(struct list_veiled *veiled)
{
    if (veiled->count > 0)
        veiled->veil->lift_entries(veiled->veil->context, veiled->entries, veiled->count);
    veiled->count = 0;
}

/* Those before it are complete when they are shown; this one may not be. */
static void add_veiled(struct list_veiled *veiled, struct list_entry *entry, struct span seal)
{
    if (veiled->veil == NULL)
        return;
    if (veiled->count == VEILED_ENTRIES_MAX)
        list_lift_veil(veiled);
    veiled->entries[veiled->count++] = (struct veiled_entry){seal, entry};
}

bool list_tell_attributes(struct list_entry *entry, const struct object_attributes *attributes,
                          const struct list_room *room, struct error *error)
{
    if (attributes->seal.size > 0)
        add_veiled(room->veiled, entry, attributes->seal);
    entry->original_size = attributes->original_size;
    entry->modified_ms = attributes->modified_ms;
    memcpy(entry->etag, attributes->etag, sizeof entry->etag);
    memcpy(entry->version, attributes->version, sizeof entry->version);
    entry->checksum_algorithm = attributes->checksum.algorithm;
    entry->checksum_type = attributes->checksum.type;
    struct span storage_class;
    if (attributes->metadata.size > 0 &&
        metadata_find(attributes->metadata, SPAN("x-amz-storage-class"), &storage_class)) {
        entry->storage_class = arena_copy(room->arena, storage_class);
        if (entry->storage_class.data == NULL)
            return list_no_memory(error);
    }
    if (attributes->owner.size == 0)
        return true;
    entry->owner = arena_copy(room->arena, attributes->owner);
    return entry->owner.data != NULL || list_no_memory(error);
}

static bool fill_entry(struct list_job *job, struct list_entry *entry, size_t common)
{
    struct span key = key_cursor_key(job->cursor);
    *entry = (struct list_entry){.is_prefix = common > 0, .is_latest = common == 0};
    entry->is_damaged = job->cursor->is_damaged;
    entry->key = arena_copy(job->arena, common > 0 ? span_take(key, common) : key);
    if (entry->key.data == NULL)
        return list_no_memory(job->error);
    if (common > 0 || entry->is_damaged)
        return true;
    struct row row;
    if (!row_decode_object(job->cursor->object, &row, job->error))
        return false;
    const struct list_room room = {job->arena, job->veiled};
    return list_tell_attributes(entry, &row.attributes, &room, job->error);
}

/* Behind damaged rows a walk may come to what is before the page, or was listed. */
static bool is_of_page(const struct list_request *request, const struct key_cursor *cursor)
{
    struct span key = key_cursor_key(cursor);
    return !request->is_damage_listed || cursor->is_damaged ||
           (span_compare(key, request->prefix) >= 0 &&
            (request->after.size == 0 || span_compare(key, request->after) > 0));
}

/* The next page begins behind the last entry, for which that must have its right place. */
static bool end_page(struct list_job *job)
{
    struct list_page *page = job->page;
    page->is_truncated = true;
    while (page->count > 0 && page->entries[page->count - 1].is_damaged)
        page->count--;
    return page->count > 0 || error_set(job->error, ERROR_DAMAGED, S3_InternalError,
                                        "Too many rows of the catalogue are damaged. Run `bale check`.");
}

static bool walk(struct list_job *job)
{
    const struct list_request *request = job->request;
    struct list_page *page = job->page;
    ASSERT(page->entries != NULL); /* room for entries_max, at least one */
    const struct list_range range = {
        .prefix = request->prefix, .delimiter = request->delimiter, .after = request->after};
    enum lookup found = list_seek_first(job->cursor, &range, job->error);
    while (found == LOOKUP_FOUND) {
        if (!is_of_page(request, job->cursor)) {
            found = key_cursor_next(job->cursor, job->error);
            continue;
        }
        if (!job->cursor->is_damaged && !span_starts_with(key_cursor_key(job->cursor), request->prefix))
            return true;
        if (page->count == request->entries_max)
            return end_page(job);
        size_t common = common_prefix_bytes(request, key_cursor_key(job->cursor));
        struct list_entry *entry = &page->entries[page->count];
        if (!fill_entry(job, entry, common))
            return false;
        page->count++;
        found = common > 0 ? list_seek_behind(job->cursor, entry->key, job->error)
                           : key_cursor_next(job->cursor, job->error);
    }
    return found != LOOKUP_FAILED;
}

static bool list_in(struct list_job *job, MDB_txn *txn)
{
    struct embedded_store *store = job->store;
    struct bucket_row bucket;
    if (!catalogue_need_bucket(txn, &store->catalogue, job->request->bucket, &bucket, job->error))
        return false;
    if (job->request->entries_max == 0)
        return true;
    job->page->entries = arena_allocate(job->arena, job->request->entries_max * sizeof job->page->entries[0]);
    job->cursor = malloc(sizeof *job->cursor);
    ASSERT(job->cursor != NULL);
    bool done = job->page->entries != NULL || list_no_memory(job->error);
    struct key_table keys = {.txn = txn, .table = store->catalogue.objects};
    key_cursor_open(job->cursor, &keys, bucket.number);
    job->cursor->tolerates_damage = job->request->is_damage_listed;
    struct list_veiled veiled = {.veil = store->options.veil};
    job->veiled = &veiled;
    done = done && walk(job);
    list_lift_veil(&veiled);
    key_cursor_close(job->cursor);
    free(job->cursor);
    return done;
}

static void run_list(void *argument)
{
    struct list_job *job = argument;
    MDB_txn *txn;
    if (!store_begin_read(job->store, &txn, job->error))
        return;
    job->succeeded = list_in(job, txn);
    store_end_read(job->store, txn);
}

/* ---- buckets ---- */

struct buckets_job {
    struct embedded_store *store;
    struct span owner;
    struct span prefix;
    struct span after;
    unsigned buckets_max;
    struct arena *arena;
    struct bucket_info *buckets;
    unsigned count;
    bool is_truncated;
    struct error *error;
    bool succeeded;
};

/* The page grows as buckets are found: an account has few, whatever it may ask for. */
static bool append_bucket(struct buckets_job *job, unsigned *capacity, const struct bucket_info *info)
{
    if (job->count == *capacity) {
        unsigned larger = *capacity == 0 ? 16 : *capacity * 2;
        struct bucket_info *buckets = arena_allocate(job->arena, larger * sizeof *buckets);
        if (buckets == NULL)
            return list_no_memory(job->error);
        if (job->count > 0)
            memcpy(buckets, job->buckets, job->count * sizeof *buckets);
        job->buckets = buckets;
        *capacity = larger;
    }
    job->buckets[job->count++] = *info;
    return true;
}

static bool walk_buckets(struct buckets_job *job, MDB_cursor *cursor)
{
    bool is_behind = span_compare(job->after, job->prefix) >= 0;
    struct span start = is_behind ? job->after : job->prefix;
    MDB_val key;
    MDB_val value;
    unsigned capacity = 0;
    int result = catalogue_seek(cursor, start, &key, &value);
    for (; result == 0; result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct span name = span_of(key.mv_data, key.mv_size);
        struct span row_bytes;
        struct bucket_row row;
        if (!catalogue_check(&key, &value, &row_bytes, job->error))
            return false;
        if (is_behind && span_equal(name, job->after))
            continue;
        if (!span_starts_with(name, job->prefix))
            return true;
        if (!catalogue_decode_bucket(name, row_bytes, &row))
            return error_set(job->error, ERROR_DAMAGED, S3_InternalError, "The row of a bucket is damaged.");
        if (job->owner.size > 0 && !span_equal(span_from_string(row.info.owner), job->owner))
            continue;
        if (job->count == job->buckets_max) {
            job->is_truncated = job->buckets_max > 0;
            return true;
        }
        if (!append_bucket(job, &capacity, &row.info))
            return false;
    }
    return result == MDB_NOTFOUND || catalogue_failed(result, job->error, "list buckets");
}

static void run_buckets(void *argument)
{
    struct buckets_job *job = argument;
    MDB_txn *txn;
    MDB_cursor *cursor;
    if (!store_begin_read(job->store, &txn, job->error))
        return;
    if (catalogue_open_cursor(txn, job->store->catalogue.buckets, &cursor, job->error)) {
        job->succeeded = walk_buckets(job, cursor);
        mdb_cursor_close(cursor);
    }
    store_end_read(job->store, txn);
}

/* ---- where they run ---- */

SUSPENDS bool store_list(struct bucket_store *base, const struct list_request *request, struct arena *arena,
                         struct list_page *ret_page, struct error *error)
{
    *ret_page = (struct list_page){0};
    struct list_job job = {
        .store = embedded_of(base), .request = request, .arena = arena, .page = ret_page, .error = error};
    if (!store_offload(job.store, run_list, &job, error))
        return false;
    return list_ended(job.succeeded, error);
}

SUSPENDS bool store_list_buckets(struct bucket_store *base, struct span owner, struct span prefix, struct span after,
                                 unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                 unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    struct buckets_job job = {.store = embedded_of(base),
                              .owner = owner,
                              .prefix = prefix,
                              .after = after,
                              .buckets_max = buckets_max,
                              .arena = arena,
                              .error = error};
    if (!store_offload(job.store, run_buckets, &job, error))
        return false;
    *ret_buckets = job.buckets;
    *ret_count = job.count;
    *ret_truncated = job.is_truncated;
    return job.succeeded;
}
