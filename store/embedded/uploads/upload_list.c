/* store/embedded/uploads/upload_list.c -- a page of uploads: a walk over the keys that have some, and over the ids of
 * each.
 */
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/objects/list.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"
#include "store/embedded/uploads/uploads.h"

#include <stdlib.h>

struct uploads_job {
    struct embedded_store *store;
    const struct upload_list_request *request;
    struct arena *arena;
    struct upload_list_page *page;
    struct error *error;
    struct key_cursor *cursor;
    MDB_txn *txn;
    bool succeeded;
};

static bool copy_id(struct uploads_job *job, struct span id, struct span *ret_copy)
{
    *ret_copy = id.size > 0 ? arena_copy(job->arena, id) : SPAN_EMPTY;
    return id.size == 0 || ret_copy->data != NULL;
}

static bool fill_entry(struct uploads_job *job, struct span key, const uint8_t *id, const struct upload_row *row)
{
    struct upload_list_entry *entry = &job->page->entries[job->page->count];
    *entry = (struct upload_list_entry){.upload = {.key = key,
                                                   .initiated_ms = row->initiated_ms,
                                                   .checksum_algorithm = row->checksum_algorithm,
                                                   .checksum_type = row->checksum_type}};
    upload_id_format(id, entry->upload.id);
    if (!copy_id(job, row->initiator, &entry->upload.initiator) || !copy_id(job, row->owner, &entry->upload.owner))
        return list_no_memory(job->error);
    job->page->count++;
    return true;
}

/* Ids of the group behind `after` (empty: all). Ends early, with is_truncated, when the page is full. */
static bool walk_ids(struct uploads_job *job, struct span key, uint64_t group, struct span after)
{
    MDB_cursor *cursor;
    if (!catalogue_open_cursor(job->txn, job->store->catalogue.upload_ids, &cursor, job->error))
        return false;
    uint8_t first[UPLOAD_KEY_BYTES] = {0};
    uint8_t after_id[UPLOAD_ID_RAW_BYTES] = {0};
    bool is_exclusive = upload_id_parse(after, after_id);
    upload_make_key(group, after_id, first);
    MDB_val lmdb_key;
    MDB_val value;
    bool done = true;
    int result = catalogue_seek(cursor, span_of(first, sizeof first), &lmdb_key, &value);
    for (; done && result == 0; result = mdb_cursor_get(cursor, &lmdb_key, &value, MDB_NEXT)) {
        struct span bytes;
        struct upload_row row;
        if (!catalogue_check(&lmdb_key, &value, &bytes, job->error)) { /* whatever its key says */
            done = false;
            break;
        }
        if (lmdb_key.mv_size != UPLOAD_KEY_BYTES || load_u64_be(lmdb_key.mv_data) != group)
            break;
        const uint8_t *id = (const uint8_t *)lmdb_key.mv_data + 8;
        if (is_exclusive && memcmp(id, after_id, sizeof after_id) == 0)
            continue;
        if (job->page->count == job->request->entries_max) {
            job->page->is_truncated = true;
            break;
        }
        done = upload_decode(bytes, &row, job->error) && fill_entry(job, key, id, &row);
    }
    mdb_cursor_close(cursor);
    return done && (result == 0 || result == MDB_NOTFOUND || catalogue_failed(result, job->error, "list uploads"));
}

static bool list_prefix(struct uploads_job *job, struct span prefix)
{
    if (job->page->count == job->request->entries_max) {
        job->page->is_truncated = true;
        return true;
    }
    job->page->entries[job->page->count++] = (struct upload_list_entry){.is_prefix = true, .upload.key = prefix};
    return true;
}

static bool walk(struct uploads_job *job)
{
    const struct upload_list_request *request = job->request;
    const struct list_range range = {.prefix = request->prefix,
                                     .delimiter = request->delimiter,
                                     .after = request->after_key,
                                     .is_after_included = request->after_upload.size > 0};
    enum lookup found = list_seek_first(job->cursor, &range, job->error);
    while (found == LOOKUP_FOUND && span_starts_with(key_cursor_key(job->cursor), request->prefix)) {
        struct span key = key_cursor_key(job->cursor);
        size_t common = list_common_prefix_bytes(request->prefix, request->delimiter, key);
        bool is_after_key = span_equal(key, request->after_key);
        struct span name = arena_copy(job->arena, common > 0 ? span_take(key, common) : key);
        if (name.data == NULL)
            return list_no_memory(job->error);
        if (job->cursor->object.size != 8)
            return error_set(job->error, ERROR_DAMAGED, S3_InternalError, "A key with uploads is damaged.");
        if (common > 0 ? !list_prefix(job, name)
                       : !walk_ids(job, name, load_u64_le(job->cursor->object.data),
                                   is_after_key ? request->after_upload : SPAN_EMPTY))
            return false;
        if (job->page->is_truncated)
            return true;
        found = common > 0 ? list_seek_behind(job->cursor, name, job->error) : key_cursor_next(job->cursor, job->error);
    }
    return found != LOOKUP_FAILED;
}

static bool list_in(struct uploads_job *job)
{
    struct embedded_store *store = job->store;
    struct bucket_row bucket;
    if (!catalogue_need_bucket(job->txn, &store->catalogue, job->request->bucket, &bucket, job->error))
        return false;
    if (job->request->entries_max == 0)
        return true;
    job->page->entries = arena_allocate(job->arena, job->request->entries_max * sizeof job->page->entries[0]);
    if (job->page->entries == NULL)
        return list_no_memory(job->error);
    job->cursor = malloc(sizeof *job->cursor);
    ASSERT(job->cursor != NULL);
    struct key_table keys = {.txn = job->txn, .table = store->catalogue.uploads};
    key_cursor_open(job->cursor, &keys, bucket.number);
    bool done = walk(job);
    key_cursor_close(job->cursor);
    free(job->cursor);
    return done;
}

static void run_list(void *argument)
{
    struct uploads_job *job = argument;
    if (!store_begin_read(job->store, &job->txn, job->error))
        return;
    job->succeeded = list_in(job);
    store_end_read(job->store, job->txn);
}

SUSPENDS bool store_list_uploads(struct bucket_store *base, const struct upload_list_request *request,
                                 struct arena *arena, struct upload_list_page *ret_page, struct error *error)
{
    *ret_page = (struct upload_list_page){0};
    struct uploads_job job = {
        .store = embedded_of(base), .request = request, .arena = arena, .page = ret_page, .error = error};
    if (!store_offload(job.store, run_list, &job, error))
        return false;
    return list_ended(job.succeeded, error);
}
