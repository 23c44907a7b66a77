/* store/embedded/change/object_batch.c -- objects that are put and deleted, inside the committer's transaction. */
#include "store/embedded/change/object_batch.h"

#include "s3client/wire/s3_error.h"
#include "store/embedded/change/grounds.h"
#include "store/embedded/change/ledger_batch.h"
#include "store/embedded/change/version_batch.h"
#include "store/embedded/state.h"
#include "store/object_lock.h"

/* Does its lock forbid that it goes? AccessDenied. */
static bool object_is_locked(struct batch *batch, const struct object_attributes *attributes,
                             const struct delete_item *item, struct error *error)
{
    int64_t now_ms = clock_wall_ms(batch->store->options.clock);
    if (!object_lock_binds(&attributes->lock, now_ms, item->may_bypass_governance))
        return false;
    return !error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied because object protected by object lock.");
}

/* A lock of its own only where there are locks; the default counts from now. Only what differs from what the object
 * part says already is added to it. */
bool object_settle_lock(struct batch *batch, const struct bucket_info *bucket, struct object_lock *lock,
                        struct error *error)
{
    if (bucket->has_lock) {
        object_lock_apply_default(lock, &bucket->retention, clock_wall_ms(batch->store->options.clock));
        return true;
    }
    return (lock->mode == LOCK_NONE && lock->hold == HOLD_UNSET) ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest, "Bucket is missing Object Lock Configuration");
}

/* The object part as the writer made it, and what only this step knows. A change may be tried more than once. */
static void finish_object(const struct change *change, const struct version_name *name, const struct object_lock *lock,
                          uint64_t body_number, uint64_t sidecar_number)
{
    struct buffer *object = change->put.object;
    object->size = change->put.object_bytes;
    row_set_numbers(object->data, body_number, sidecar_number);
    row_append_version(object, name->text, name->order);
    if (lock->mode != change->put.lock.mode)
        row_append_lock(object, lock);
    strcpy(change->put.ret_version, name->text);
}

/* The bucket in which the write began. Whoever was let into that one has no right to another of its name. */
static bool need_same_bucket(struct batch *batch, const struct change *change, struct bucket_row *ret_bucket,
                             struct error *error)
{
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, ret_bucket, error))
        return false;
    return ret_bucket->number == change->put.bucket_number ||
           error_set(error, ERROR_NOT_FOUND, S3_NoSuchBucket, "The bucket was removed while the object was written.");
}

bool object_put(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    struct batch_replaced old;
    struct object_lock lock = change->put.lock;
    if (!need_same_bucket(batch, change, &bucket, error) || !object_settle_lock(batch, &bucket.info, &lock, error))
        return false;
    enum lookup found =
        batch_find_replaced(batch, change, bucket.number, change->put.key, change->put.condition, &old, error);
    if (found == LOOKUP_FAILED)
        return false;

    const struct version_key key = {&bucket, change->bucket, change->put.key};
    const struct ledger_amounts amounts = row_amounts_encoded(change->put.object->data);
    struct version_name name;
    uint64_t body_number = 0;
    uint64_t sidecar_number = 0;
    if (!version_succeed(batch, &key, found == LOOKUP_FOUND ? &old : NULL, &name, error) ||
        !batch_put_body(batch, change->put.place, change->put.body, change->put.extents, &body_number, error) ||
        !batch_put_sidecar(batch, change->put.sidecar, &sidecar_number, error))
        return batch_broken(batch);
    finish_object(change, &name, &lock, body_number, sidecar_number);
    return (key_put(&batch->keys, bucket.number, change->put.key, buffer_span(change->put.object), error) &&
            ledger_add(batch, change->bucket, bucket.info.creation_id, &amounts, error)) ||
           batch_broken(batch);
}

/* ---- deleting ---- */

/* A bucket that was never versioned has one version of a key. */
static bool delete_only(struct batch *batch, const struct change *change, const struct version_key *key,
                        struct delete_item *item, struct error *error)
{
    struct batch_replaced old;
    struct version_name ignored;
    enum lookup found =
        batch_find_replaced(batch, change, key->bucket->number, item->key, item->condition, &old, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    if (!old.is_lost && object_is_locked(batch, &old.row.attributes, item, error))
        return false;
    return (version_succeed(batch, key, &old, &ignored, error) &&
            key_delete(&batch->keys, key->bucket->number, item->key, error)) ||
           batch_broken(batch);
}

/* Without a version: a marker becomes the current one, over whatever there is, and also over nothing. */
static bool mark_deleted(struct batch *batch, const struct change *change, const struct version_key *key,
                         struct delete_item *item, struct error *error)
{
    struct version_group group;
    struct batch_replaced old;
    struct version_name name;
    enum lookup grouped =
        version_find_group(batch->txn, &batch->store->catalogue, key->bucket->number, item->key, &group, error);
    if (grouped == LOOKUP_FAILED)
        return false;
    bool is_marked = version_is_marked(batch, key, grouped);
    if (is_marked && !write_condition_holds_of_marker(item->condition, error))
        return false;
    enum lookup found = batch_find_replaced(batch, change, key->bucket->number, item->key,
                                            is_marked ? NULL : item->condition, &old, error);
    if (found == LOOKUP_FAILED)
        return false;
    if (!version_succeed(batch, key, found == LOOKUP_FOUND ? &old : NULL, &name, error) ||
        (found == LOOKUP_FOUND && !key_delete(&batch->keys, key->bucket->number, item->key, error)) ||
        !version_put_marker(batch, key, &name, error))
        return batch_broken(batch);
    item->is_marker = true;
    strcpy(item->marker_version, name.text);
    return true;
}

/* One version, for good. What is gone was deleted, whatever the condition (419). */
static bool delete_version(struct batch *batch, const struct version_key *key, struct delete_item *item,
                           struct error *error)
{
    struct version_place place;
    enum lookup found = version_find(batch->txn, &batch->store->catalogue, key->bucket->number, item->key,
                                     item->version, &place, error);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING;
    const struct object_attributes *attributes = &place.row.attributes;
    bool is_marker = attributes->is_delete_marker;
    if (item->condition != NULL)
        store_lift_veil(batch->store, &place.row);
    bool holds = is_marker ? write_condition_holds_of_marker(item->condition, error)
                           : item->condition == NULL || write_condition_holds(item->condition, attributes, error);
    if (!holds || object_is_locked(batch, attributes, item, error))
        return false;
    item->is_marker = is_marker;
    if (is_marker)
        strcpy(item->marker_version, attributes->version);
    return version_remove(batch, key, &place, error) || batch_broken(batch);
}

static bool delete_item(struct batch *batch, const struct change *change, const struct bucket_row *bucket,
                        struct delete_item *item, struct error *error)
{
    const struct version_key key = {bucket, change->bucket, item->key};
    item->is_marker = false;
    item->marker_version[0] = '\0';
    if (item->grounds != NULL && !grounds_hold(batch, &key, item->version.size == 0, item->grounds, error))
        return false;
    if (bucket->info.versioning == VERSIONING_NEVER &&
        (item->version.size == 0 || span_equal(item->version, SPAN("null"))))
        return delete_only(batch, change, &key, item, error);
    return item->version.size == 0 ? mark_deleted(batch, change, &key, item, error)
                                   : delete_version(batch, &key, item, error);
}

bool objects_delete(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row bucket;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    for (unsigned i = 0; i < change->delete.count && !batch->is_broken; i++) {
        struct delete_item *item = &change->delete.items[i];
        item->is_deleted = delete_item(batch, change, &bucket, item, &item->error);
        if (batch->is_broken)
            *error = item->error;
    }
    return !batch->is_broken;
}
