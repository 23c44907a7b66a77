/* store/embedded/commit/batch.c -- what each kind of change does inside the committer's transaction. */
#include "store/embedded/commit/batch.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/log.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/commit/upload_batch.h"
#include "store/embedded/store.h"
#include "store/embedded/uploads/manifest.h"

#include <stdlib.h>

enum { VOLUME_ROW_BYTES = 8, VOLUME_ROW_VERSION = 1 };

/* A write failed after others of the same change were made. */
bool batch_broken(struct batch *batch)
{
    batch->is_broken = true;
    return false;
}

/* ---- what a body and its companions leave behind ---- */

void batch_leave_blocks(void)
{
    log_message(LOG_WARNING,
                "Where a replaced or deleted object lay cannot be read any more: its blocks are free after "
                "`bale check --repair`.");
}

static void note_freed(struct batch *batch, const struct row *old, struct span extents)
{
    struct release_item *item = release_item_create(old->token, extents);
    item->next = batch->freed;
    batch->freed = item;
}

static bool free_extents(struct batch *batch, const struct row *old, struct span extents, struct error *error)
{
    note_freed(batch, old, extents);
    for (unsigned i = 0; i < extents_count(extents); i++) {
        if (!space_free(&batch->space, extent_at(extents, i), error))
            return false;
    }
    return true;
}

bool batch_free_numbered(struct batch *batch, MDB_dbi table, uint64_t number, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    return catalogue_delete(batch->txn, table, span_of(key, sizeof key), error);
}

static bool free_listed(struct batch *batch, const struct row *old, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(old->body_number, key);
    struct span extents;
    enum lookup found =
        catalogue_get(batch->txn, batch->store->catalogue.extents, span_of(key, sizeof key), &extents, error);
    if (found == LOOKUP_MISSING || (found == LOOKUP_FAILED && error->kind == ERROR_DAMAGED)) {
        batch_leave_blocks();
        extents = SPAN_EMPTY;
    } else if (found == LOOKUP_FAILED) {
        return false;
    }
    return free_extents(batch, old, extents, error) &&
           batch_free_numbered(batch, batch->store->catalogue.extents, old->body_number, error);
}

static bool free_body(struct batch *batch, const struct row *old, struct error *error)
{
    switch (old->place) {
    case BODY_NONE:
        return true;
    case BODY_INLINE:
        return batch_free_numbered(batch, batch->store->catalogue.bodies, old->body_number, error);
    case BODY_EXTENTS:
        return free_extents(batch, old, old->extents, error);
    case BODY_LISTED:
        return free_listed(batch, old, error);
    case BODY_PIECES:
        return pieces_free(batch, old, error);
    }
    UNREACHABLE();
}

/* The row itself is left to the caller. The body first: its extents are in the map, where they hold until the first
 * write. */
bool batch_free_object(struct batch *batch, const struct row *old, struct error *error)
{
    uint64_t sidecar = old->attributes.sidecar_size > 0 ? old->sidecar_number : 0;
    return free_body(batch, old, error) &&
           (sidecar == 0 || batch_free_numbered(batch, batch->store->catalogue.sidecars, sidecar, error));
}

bool batch_free_replaced(struct batch *batch, const struct batch_replaced *replaced, struct error *error)
{
    return replaced->is_lost || batch_free_object(batch, &replaced->row, error);
}

/* ---- objects ---- */

/* The current version; `ret_row` points into the map and holds until the first write. */
enum lookup batch_find_object(struct batch *batch, uint64_t group, struct span key, struct row *ret_row,
                              struct error *error)
{
    struct span object;
    enum lookup found = key_find(&batch->keys, group, key, &object, error);
    if (found == LOOKUP_FOUND && !row_decode_object(object, ret_row, error))
        return LOOKUP_FAILED;
    return found;
}

/* The rows say less than the ledger from now on. */
static bool doubt_ledger(struct batch *batch, struct span bucket, struct error *error)
{
    return ledger_is_system_bucket(bucket) ||
           catalogue_put_counter(batch->txn, &batch->store->catalogue, "ledger_doubt", 1, error);
}

enum lookup batch_find_replaced(struct batch *batch, const struct change *change, uint64_t group, struct span key,
                                const struct write_condition *condition, struct batch_replaced *ret_replaced,
                                struct error *error)
{
    *ret_replaced = (struct batch_replaced){0};
    enum lookup found = batch_find_object(batch, group, key, &ret_replaced->row, error);
    if (found == LOOKUP_FAILED) {
        if (!key_is_lost(&batch->keys, group, key, error) || !write_condition_holds_over_damage(condition, error))
            return LOOKUP_FAILED;
        batch_leave_blocks();
        ret_replaced->is_lost = true;
        return doubt_ledger(batch, change->bucket, error) || batch_broken(batch) ? LOOKUP_FOUND : LOOKUP_FAILED;
    }
    const struct object_attributes *current = found == LOOKUP_FOUND ? &ret_replaced->row.attributes : NULL;
    if (condition != NULL && !write_condition_holds(condition, current, error))
        return LOOKUP_FAILED;
    if (found == LOOKUP_FOUND)
        ret_replaced->amounts = row_amounts(&ret_replaced->row);
    return found;
}

bool batch_put_numbered(struct batch *batch, MDB_dbi table, uint64_t number, struct span value, struct error *error)
{
    uint8_t key[CATALOGUE_NUMBER_BYTES];
    catalogue_number_key(number, key);
    return catalogue_put(batch->txn, table, span_of(key, sizeof key), value, MDB_APPEND, error);
}

static bool put_body(struct batch *batch, const struct change *change, uint64_t *ret_number, struct error *error)
{
    const struct catalogue *catalogue = &batch->store->catalogue;
    struct span extents = change->put.extents;
    for (unsigned i = 0; i < extents_count(extents); i++) {
        if (!space_take(&batch->space, extent_at(extents, i), error))
            return false;
    }
    if (change->put.place == BODY_INLINE) {
        *ret_number = batch->numbers.body++;
        return batch_put_numbered(batch, catalogue->bodies, *ret_number, change->put.body, error);
    }
    if (change->put.place == BODY_LISTED) {
        *ret_number = batch->numbers.extents++;
        return batch_put_numbered(batch, catalogue->extents, *ret_number, extents, error);
    }
    return true;
}

bool batch_put_sidecar(struct batch *batch, struct span sidecar, uint64_t *ret_number, struct error *error)
{
    if (sidecar.size == 0)
        return true;
    *ret_number = batch->numbers.sidecar++;
    return batch_put_numbered(batch, batch->store->catalogue.sidecars, *ret_number, sidecar, error);
}

static bool put_object(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    struct batch_replaced old;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    enum lookup found =
        batch_find_replaced(batch, change, bucket.number, change->put.key, change->put.condition, &old, error);
    if (found == LOOKUP_FAILED)
        return false;

    uint64_t body_number = 0;
    uint64_t sidecar_number = 0;
    struct ledger_amounts amounts = row_amounts_encoded(change->put.object->data);
    ledger_amounts_subtract(&amounts, &old.amounts);
    if (found == LOOKUP_FOUND && !batch_free_replaced(batch, &old, error))
        return batch_broken(batch);
    if (!put_body(batch, change, &body_number, error) ||
        !batch_put_sidecar(batch, change->put.sidecar, &sidecar_number, error))
        return batch_broken(batch);
    row_set_numbers(change->put.object->data, body_number, sidecar_number);
    return (key_put(&batch->keys, bucket.number, change->put.key, buffer_span(change->put.object), error) &&
            ledger_add(batch, change->bucket, bucket.number, &amounts, error)) ||
           batch_broken(batch);
}

static bool delete_item(struct batch *batch, const struct change *change, uint64_t group, struct delete_item *item,
                        struct error *error)
{
    struct batch_replaced old;
    bool is_current = item->version.size == 0 || span_equal(item->version, SPAN("null"));
    if (!is_current)
        return item->condition == NULL || write_condition_holds(item->condition, NULL, error);
    enum lookup found = batch_find_replaced(batch, change, group, item->key, item->condition, &old, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    struct ledger_amounts amounts = {0};
    ledger_amounts_subtract(&amounts, &old.amounts);
    return (batch_free_replaced(batch, &old, error) && key_delete(&batch->keys, group, item->key, error) &&
            ledger_add(batch, change->bucket, group, &amounts, error)) ||
           batch_broken(batch);
}

static bool delete_objects(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    for (unsigned i = 0; i < change->delete.count && !batch->is_broken; i++) {
        struct delete_item *item = &change->delete.items[i];
        item->is_deleted = delete_item(batch, change, bucket.number, item, &item->error);
        if (batch->is_broken)
            *error = item->error;
    }
    return !batch->is_broken;
}

/* ---- buckets ---- */

static bool create_bucket(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row row;
    switch (catalogue_find_bucket(batch->txn, &batch->store->catalogue, change->bucket, &row, error)) {
    case LOOKUP_FAILED:
        return false;
    case LOOKUP_FOUND:
        if (span_equal(span_from_string(row.info.owner), change->create.owner))
            return error_set(error, ERROR_CONFLICT, S3_BucketAlreadyOwnedByYou,
                             "Your previous request to create the named bucket succeeded and you already own it.");
        return error_set(error, ERROR_CONFLICT, S3_BucketAlreadyExists,
                         "The requested bucket name is not available. Select a different name and try again.");
    case LOOKUP_MISSING:
        break;
    }
    row = (struct bucket_row){.number = batch->numbers.group++};
    row.info.created_ms = change->create.created_ms = clock_wall_ms(batch->store->options.clock);
    memcpy(row.info.name, change->bucket.data, change->bucket.size);
    if (change->create.owner.size > 0)
        memcpy(row.info.owner, change->create.owner.data, change->create.owner.size);
    batch->has_bucket_change = true;
    return catalogue_put_bucket(batch->txn, &batch->store->catalogue, &row, error) || batch_broken(batch);
}

static bool delete_bucket(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row row;
    bool is_empty;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &row, error) ||
        !key_group_is_empty(&batch->keys, row.number, &is_empty, error))
        return false;
    if (!is_empty)
        return error_set(error, ERROR_CONFLICT, S3_BucketNotEmpty, "The bucket that you tried to delete is not empty.");
    if (!uploads_free_all(batch, row.number, error))
        return batch_broken(batch);
    if (batch->is_partial)
        return true;
    batch->has_bucket_change = true;
    return catalogue_delete(batch->txn, batch->store->catalogue.buckets, change->bucket, error) || batch_broken(batch);
}

/* ---- volumes ---- */

bool batch_put_volume(MDB_txn *txn, const struct catalogue *catalogue, uint32_t number, uint32_t blocks, bool is_filled,
                      struct error *error)
{
    uint8_t key[4];
    uint8_t value[VOLUME_ROW_BYTES] = {VOLUME_ROW_VERSION, is_filled};
    store_u32_be(key, number);
    store_u32_le(value + 4, blocks);
    return catalogue_put(txn, catalogue->volumes, span_of(key, sizeof key), span_of(value, sizeof value), 0, error);
}

static bool fill_volume(struct batch *batch, struct change *change, struct error *error)
{
    const struct volume *volume = change->volume.volume;
    return batch_put_volume(batch->txn, &batch->store->catalogue, volume->number, volume->blocks, true, error) ||
           batch_broken(batch);
}

static bool drop_volume(struct batch *batch, struct change *change, struct error *error)
{
    const struct volume *volume = change->volume.volume;
    const struct catalogue *catalogue = &batch->store->catalogue;
    uint8_t key[4];
    store_u32_be(key, volume->number);
    return (catalogue_delete(batch->txn, catalogue->volumes, span_of(key, sizeof key), error) &&
            space_forget(batch->txn, catalogue, volume->number, volume->blocks, error)) ||
           batch_broken(batch);
}

/* ---- the transaction ---- */

void batch_apply(struct batch *batch, struct change *change)
{
    static bool (*const apply[])(struct batch *, struct change *, struct error *) = {
        [CHANGE_PUT] = put_object,
        [CHANGE_DELETE] = delete_objects,
        [CHANGE_CREATE_BUCKET] = create_bucket,
        [CHANGE_DELETE_BUCKET] = delete_bucket,
        [CHANGE_PUT_TAGS] = put_tags,
        [CHANGE_CREATE_UPLOAD] = upload_create,
        [CHANGE_PUT_PART] = upload_put_part,
        [CHANGE_COMPLETE_UPLOAD] = upload_complete,
        [CHANGE_ABORT_UPLOAD] = upload_abort,
        [CHANGE_NOTE_MANIFEST] = manifest_note,
        [CHANGE_FREEZE_SPOOL] = ledger_freeze,
        [CHANGE_TRIM_SPOOL] = ledger_trim,
        [CHANGE_REMOVE_SPOOL] = ledger_remove,
        [CHANGE_CORRECT_LEDGER] = ledger_correct,
        [CHANGE_FILL_VOLUME] = fill_volume,
        [CHANGE_DROP_VOLUME] = drop_volume,
    };
    ASSERT(change->kind < sizeof apply / sizeof apply[0] && apply[change->kind] != NULL);
    change->succeeded = apply[change->kind](batch, change, change->error);
    if (!change->succeeded && change->error->code == NULL)
        change->error->code = S3_InternalError;
}

bool batch_begin(struct batch *batch, struct embedded_store *store, struct batch_numbers *numbers,
                 struct buffer *scratch, struct error *error)
{
    *batch = (struct batch){.store = store, .committed = numbers, .numbers = *numbers, .steps_left = UINT64_MAX};
    int result = mdb_txn_begin(store->catalogue.env, NULL, 0, &batch->txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    batch->keys = (struct key_table){batch->txn, store->catalogue.objects, &batch->numbers.group, scratch};
    space_change_begin(&batch->space, batch->txn, &store->catalogue);
    return true;
}

static void drop_freed(struct batch *batch)
{
    while (batch->freed != NULL) {
        struct release_item *item = batch->freed;
        batch->freed = item->next;
        free(item);
    }
}

void batch_abort(struct batch *batch)
{
    mdb_txn_abort(batch->txn);
    space_change_end(&batch->space);
    drop_freed(batch);
}

bool batch_commit(struct batch *batch, struct error *error)
{
    ASSERT(!batch->is_broken);
    bool has_new_groups = batch->numbers.group != batch->committed->group;
    if (!space_change_write(&batch->space, error) || !ledger_write(batch, error) ||
        (has_new_groups &&
         !catalogue_put_counter(batch->txn, &batch->store->catalogue, "next_group", batch->numbers.group, error))) {
        batch_abort(batch);
        return false;
    }
    int64_t taken_blocks = batch->space.taken_blocks;
    space_change_end(&batch->space);
    int result = mdb_txn_commit(batch->txn);
    if (result != 0) {
        drop_freed(batch);
        return catalogue_failed(result, error, "commit");
    }
    *batch->committed = batch->numbers;
    atomic_fetch_add_explicit(&batch->store->volumes.taken_blocks, (uint64_t)taken_blocks, memory_order_relaxed);
    return true;
}

bool batch_read_numbers(struct embedded_store *store, struct batch_numbers *ret_numbers, struct error *error)
{
    const struct catalogue *catalogue = &store->catalogue;
    MDB_txn *txn;
    int result = mdb_txn_begin(catalogue->env, NULL, MDB_RDONLY, &txn);
    if (result != 0)
        return catalogue_failed(result, error, "begin");
    bool done = catalogue_get_counter(txn, catalogue, "next_group", 1, &ret_numbers->group, error) &&
                catalogue_next_number(txn, catalogue->bodies, &ret_numbers->body, error) &&
                catalogue_next_number(txn, catalogue->sidecars, &ret_numbers->sidecar, error) &&
                catalogue_next_number(txn, catalogue->extents, &ret_numbers->extents, error) &&
                catalogue_next_number(txn, catalogue->pieces, &ret_numbers->pieces, error);
    mdb_txn_abort(txn);
    return done;
}
