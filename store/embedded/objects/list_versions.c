/* store/embedded/objects/list_versions.c -- a page of versions and delete markers: keys in order, of each the newest
 * first.
 *
 * Two walks side by side: over the keys with a current object, and over those with former versions or markers. A page
 * costs what it shows: it may begin and end inside a key, however many versions that has, and a common prefix is one
 * seek in each walk. It runs on the offload pool, like plain lists. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/objects/list.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/shard/shard.h"

#include <stdlib.h>

struct versions_job {
    struct embedded_store *store;
    const struct version_list_request *request;
    struct arena *arena;
    struct list_page *page;
    struct error *error;
    MDB_txn *txn;
    struct key_cursor *objects; /* keys with a current object */
    struct key_cursor *groups;  /* keys with former versions or markers */
    struct list_veiled *veiled;
    enum lookup has_object; /* where each walk stands */
    enum lookup has_group;
    uint64_t before; /* of the first key: versions of an order less than this; UINT64_MAX: all */
    bool succeeded;
};

/* ---- entries ---- */

/* NULL: the page is full, or (is_truncated is not set) memory is. */
static struct list_entry *next_entry(struct versions_job *job, struct span key)
{
    struct list_page *page = job->page;
    if (page->count == job->request->entries_max) {
        page->is_truncated = true;
        return NULL;
    }
    struct list_entry *entry = &page->entries[page->count];
    *entry = (struct list_entry){0};
    /* versions of one key share its text */
    bool is_same = page->count > 0 && !entry[-1].is_prefix && span_equal(entry[-1].key, key);
    entry->key = is_same ? entry[-1].key : arena_copy(job->arena, key);
    if (entry->key.data == NULL) {
        (void)list_no_memory(job->error);
        return NULL;
    }
    page->count++;
    return entry;
}

/* For somebody who is going to decide about deletions. */
static bool tell_grounds(struct versions_job *job, struct list_entry *entry, const struct row *row)
{
    entry->superseded_ms = row->attributes.superseded_ms;
    entry->lock = row->attributes.lock;
    if (row->tags.size == 0)
        return true;
    entry->tags = arena_copy(job->arena, row->tags);
    return entry->tags.data != NULL || list_no_memory(job->error);
}

static bool add_version(struct versions_job *job, struct span key, const struct row *row, bool is_latest)
{
    const struct object_attributes *attributes = &row->attributes;
    struct list_entry *entry = next_entry(job, key);
    if (entry == NULL)
        return false;
    entry->is_latest = is_latest;
    entry->is_delete_marker = attributes->is_delete_marker;
    const struct list_room room = {job->arena, job->veiled};
    return list_tell_attributes(entry, attributes, &room, job->error) &&
           (!job->request->wants_grounds || tell_grounds(job, entry, row));
}

/* ---- one key ---- */

static bool add_current(struct versions_job *job, struct span key)
{
    struct row row;
    if (!row_decode_object(job->objects->object, &row, job->error))
        return false;
    return row.order >= job->before || add_version(job, key, &row, true);
}

static bool add_former(struct versions_job *job, struct span key, bool has_current)
{
    struct version_group group;
    struct version_cursor cursor;
    struct row row;
    if (!version_group_decode(job->groups->object, &group))
        return error_set(job->error, ERROR_DAMAGED, S3_InternalError, "A row of versions is damaged.");
    if (!version_cursor_open(&cursor, job->txn, &job->store->catalogue, job->error))
        return false;
    enum lookup found = version_cursor_seek(&cursor, group.number, job->before, job->error);
    bool done = true;
    for (; done && found == LOOKUP_FOUND; found = version_cursor_next(&cursor, job->error)) {
        done = row_decode_object(cursor.object, &row, job->error) &&
               add_version(job, key, &row, !has_current && row.attributes.superseded_ms == 0);
        if (!done)
            break;
    }
    version_cursor_close(&cursor);
    return done && found != LOOKUP_FAILED;
}

/* ---- the walks ---- */

/* The lesser of the two keys; empty: both walks have ended. */
static struct span current_key(const struct versions_job *job)
{
    struct span object = job->has_object == LOOKUP_FOUND ? key_cursor_key(job->objects) : SPAN_EMPTY;
    struct span group = job->has_group == LOOKUP_FOUND ? key_cursor_key(job->groups) : SPAN_EMPTY;
    if (object.size == 0 || group.size == 0)
        return object.size == 0 ? group : object;
    return span_compare(object, group) <= 0 ? object : group;
}

static bool stands_on(enum lookup found, const struct key_cursor *cursor, struct span key)
{
    return found == LOOKUP_FOUND && span_equal(key_cursor_key(cursor), key);
}

static bool seek_behind(struct versions_job *job, struct span prefix)
{
    job->has_object = list_seek_behind(job->objects, prefix, job->error);
    if (job->has_object != LOOKUP_FAILED)
        job->has_group = list_seek_behind(job->groups, prefix, job->error);
    return job->has_object != LOOKUP_FAILED && job->has_group != LOOKUP_FAILED;
}

static bool add_prefix(struct versions_job *job, struct span prefix)
{
    struct list_entry *entry = next_entry(job, prefix);
    if (entry == NULL)
        return false;
    entry->is_prefix = true;
    return seek_behind(job, entry->key);
}

static bool add_key(struct versions_job *job, struct span found)
{
    uint8_t bytes[OBJECT_KEY_BYTES_MAX];
    struct span key = span_of(memcpy(bytes, found.data, found.size), found.size); /* the cursors go on */
    bool has_current = stands_on(job->has_object, job->objects, key);
    bool has_former = stands_on(job->has_group, job->groups, key);
    if ((has_current && !add_current(job, key)) || (has_former && !add_former(job, key, has_current)))
        return false;
    job->before = UINT64_MAX;
    if (has_current)
        job->has_object = key_cursor_next(job->objects, job->error);
    if (job->has_object != LOOKUP_FAILED && has_former)
        job->has_group = key_cursor_next(job->groups, job->error);
    return job->has_object != LOOKUP_FAILED && job->has_group != LOOKUP_FAILED;
}

/* Where the page begins within its first key. A null version that has gone says nothing: all that is left follows. */
static bool find_before(struct versions_job *job, uint64_t bucket)
{
    struct span version = job->request->after_version;
    struct version_place place;
    job->before = UINT64_MAX;
    if (version.size == 0)
        return true;
    if (!span_equal(version, SPAN("null"))) {
        return version_id_parse(version, &job->before) ||
               error_set(job->error, ERROR_INVALID, S3_InvalidArgument, "Invalid version id specified");
    }
    enum lookup found =
        version_find(job->txn, &job->store->catalogue, bucket, job->request->after_key, version, &place, job->error);
    if (found == LOOKUP_FOUND) /* one from before versions were kept is the oldest */
        job->before = place.row.order;
    return found != LOOKUP_FAILED;
}

static bool walk(struct versions_job *job, uint64_t bucket)
{
    const struct version_list_request *request = job->request;
    const struct list_range range = {.prefix = request->prefix,
                                     .delimiter = request->delimiter,
                                     .after = request->after_key,
                                     .is_after_included = request->after_version.size > 0};
    if (!find_before(job, bucket))
        return false;
    job->has_object = list_seek_first(job->objects, &range, job->error);
    if (job->has_object == LOOKUP_FAILED)
        return false;
    job->has_group = list_seek_first(job->groups, &range, job->error);
    if (job->has_group == LOOKUP_FAILED)
        return false;
    for (struct span key; (key = current_key(job)).size > 0 && span_starts_with(key, request->prefix);) {
        if (!span_equal(key, request->after_key))
            job->before = UINT64_MAX;
        size_t common = list_common_prefix_bytes(request->prefix, request->delimiter, key);
        if (!(common > 0 ? add_prefix(job, span_take(key, common)) : add_key(job, key)))
            return job->page->is_truncated;
    }
    return true;
}

static struct key_cursor *open_cursor(struct versions_job *job, MDB_dbi table, uint64_t bucket)
{
    const struct key_table keys = {.txn = job->txn, .table = table};
    struct key_cursor *cursor = malloc(sizeof *cursor);
    ASSERT(cursor != NULL);
    key_cursor_open(cursor, &keys, bucket);
    return cursor;
}

static void close_cursor(struct key_cursor *cursor)
{
    key_cursor_close(cursor);
    free(cursor);
}

static bool list_in(struct versions_job *job)
{
    const struct catalogue *catalogue = &job->store->catalogue;
    struct bucket_row bucket;
    if (!catalogue_need_bucket(job->txn, catalogue, job->request->bucket, &bucket, job->error))
        return false;
    if (job->request->entries_max == 0)
        return true;
    job->page->entries = arena_allocate(job->arena, job->request->entries_max * sizeof job->page->entries[0]);
    if (job->page->entries == NULL)
        return list_no_memory(job->error);
    job->objects = open_cursor(job, catalogue->objects, bucket.number);
    job->groups = open_cursor(job, catalogue->versioned, bucket.number);
    struct list_veiled veiled = {.veil = job->store->options.veil};
    job->veiled = &veiled;
    bool done = walk(job, bucket.number);
    list_lift_veil(&veiled);
    close_cursor(job->objects);
    close_cursor(job->groups);
    return done;
}

static void run(void *argument)
{
    struct versions_job *job = argument;
    if (!store_begin_read(job->store, &job->txn, job->error))
        return;
    job->succeeded = list_in(job);
    store_end_read(job->store, job->txn);
}

SUSPENDS bool store_list_versions(struct bucket_store *base, const struct version_list_request *request,
                                  struct arena *arena, struct list_page *ret_page, struct error *error)
{
    *ret_page = (struct list_page){0};
    struct versions_job job = {
        .store = embedded_of(base), .request = request, .arena = arena, .page = ret_page, .error = error};
    if (!store_offload(job.store, run, &job, error))
        return false;
    return list_ended(job.succeeded, error);
}
