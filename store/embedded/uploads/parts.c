/* store/embedded/uploads/parts.c -- lists of parts: those of an open upload, and those that an object was completed
 * from. */
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/objects/list.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"
#include "store/embedded/uploads/uploads.h"

/* ---- parts of an open upload ---- */

struct parts_job {
    struct embedded_store *store;
    const struct object_name *name;
    const uint8_t *id;
    unsigned after;
    unsigned parts_max;
    struct arena *arena;
    struct part_attributes *parts;
    unsigned count;
    bool is_truncated;
    struct error *error;
    bool succeeded;
};

/* How many there are, up to one more than are asked for: so that a short list takes little memory. */
static bool count_parts(struct parts_job *job, struct part_cursor *cursor, unsigned *ret_count)
{
    unsigned count = 0;
    enum lookup found = part_cursor_seek(cursor, job->after, job->error);
    for (; found == LOOKUP_FOUND && count <= job->parts_max; found = part_cursor_next(cursor, job->error))
        count++;
    *ret_count = count;
    return found != LOOKUP_FAILED;
}

static bool keep(struct arena *arena, struct span *bytes)
{
    return bytes->size == 0 || (*bytes = arena_copy(arena, *bytes)).data != NULL;
}

static bool copy_parts(struct parts_job *job, struct part_cursor *cursor)
{
    enum lookup found = part_cursor_seek(cursor, job->after, job->error);
    for (unsigned i = 0; i < job->count; i++) {
        if (found != LOOKUP_FOUND)
            return false; /* the transaction is the same: it was found before */
        struct part_attributes *part = &job->parts[i];
        *part = cursor->row.attributes;
        if (!keep(job->arena, &part->frames) || !keep(job->arena, &part->seal)) {
            job->count = i; /* the next page begins with it */
            job->is_truncated = true;
            return i > 0 || list_no_memory(job->error);
        }
        found = part_cursor_next(cursor, job->error);
    }
    return found != LOOKUP_FAILED;
}

static bool list_in(struct parts_job *job, MDB_txn *txn)
{
    const struct catalogue *catalogue = &job->store->catalogue;
    struct bucket_row bucket;
    struct upload_row upload;
    struct part_cursor cursor;
    uint64_t group;
    unsigned count;
    if (!catalogue_need_bucket(txn, catalogue, job->name->bucket, &bucket, job->error) ||
        !upload_find(txn, catalogue, bucket.number, job->name->key, job->id, &group, &upload, job->error) ||
        !part_cursor_open(&cursor, txn, catalogue, upload.number, job->error))
        return false;
    bool done = count_parts(job, &cursor, &count);
    if (done) {
        job->is_truncated = count > job->parts_max && job->parts_max > 0;
        job->count = count < job->parts_max ? count : job->parts_max;
        job->parts = arena_allocate(job->arena, (job->count + 1) * sizeof job->parts[0]);
        done = job->parts != NULL ? copy_parts(job, &cursor) : list_no_memory(job->error);
    }
    part_cursor_close(&cursor);
    return done;
}

static void run_list(void *argument)
{
    struct parts_job *job = argument;
    MDB_txn *txn;
    if (!store_begin_read(job->store, &txn, job->error))
        return;
    job->succeeded = list_in(job, txn);
    store_end_read(job->store, txn);
}

SUSPENDS bool store_list_parts(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                               unsigned after, unsigned parts_max, struct arena *arena,
                               struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                               struct error *error)
{
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    if (!upload_id_parse(upload_id, id))
        return no_such_upload(error);
    struct parts_job job = {.store = embedded_of(base),
                            .name = name,
                            .id = id,
                            .after = after,
                            .parts_max = parts_max < PART_NUMBER_MAX ? parts_max : PART_NUMBER_MAX,
                            .arena = arena,
                            .error = error};
    if (!store_offload(job.store, run_list, &job, error))
        return false;
    *ret_parts = job.parts;
    *ret_count = job.count;
    *ret_truncated = job.is_truncated;
    return list_ended(job.succeeded, error);
}

/* ---- parts of an object ---- */

static bool copy_map(struct span map, unsigned after, unsigned parts_max, struct arena *arena,
                     struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    unsigned first;
    unsigned end;
    if (!part_map_seek(map, after, &first, &end, error))
        return false;
    unsigned count = end - first < parts_max ? end - first : parts_max;
    struct object_part *parts = arena_allocate(arena, (count + 1) * sizeof *parts);
    if (parts == NULL)
        return list_no_memory(error);
    for (unsigned i = 0; i < count; i++) {
        parts[i] = part_map_at(map, first + i);
        if (!keep(arena, &parts[i].seal))
            return list_no_memory(error);
    }
    *ret_parts = parts;
    *ret_count = count;
    *ret_truncated = end - first > count && count > 0;
    return true;
}

SUSPENDS bool store_read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                               struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                               struct error *error)
{
    struct embedded_store *store = embedded_of((struct bucket_store *)(uintptr_t)object->store);
    struct shard *shard = shard_current(store);
    uint64_t number;
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    struct span map;
    *ret_count = 0;
    *ret_truncated = false;
    if (!store_pieces_number(object, &number))
        return true;
    MDB_txn *txn = shard_begin_read(shard, error);
    if (txn == NULL)
        return false;
    catalogue_number_key(number, key);
    enum lookup found = catalogue_get(txn, store->catalogue.part_maps, span_of(key, sizeof key), &map, error);
    bool done =
        found == LOOKUP_FOUND && copy_map(map, after, parts_max, arena, ret_parts, ret_count, ret_truncated, error);
    shard_end_read(shard);
    if (found == LOOKUP_MISSING)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The object was replaced while it was being read. Try again.");
    return list_ended(done, error);
}
