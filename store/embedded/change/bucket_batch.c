/* store/embedded/change/bucket_batch.c -- rows of buckets and of volumes, inside the committer's transaction. */
#include "store/embedded/change/bucket_batch.h"

#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/change/upload_batch.h"
#include "store/embedded/change/version_batch.h"
#include "store/embedded/state.h"

enum { VOLUME_ROW_BYTES = 8, VOLUME_ROW_VERSION = 1 };

/* ---- buckets ---- */

bool bucket_row_create(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row row;
    switch (catalogue_find_bucket(batch->txn, &batch->store->catalogue, change->bucket, &row, error)) {
    case LOOKUP_FAILED:
        return false;
    case LOOKUP_FOUND:
        if (span_equal(span_from_string(row.info.owner), change->create.intent->owner))
            return error_set(error, ERROR_CONFLICT, S3_BucketAlreadyOwnedByYou,
                             "Your previous request to create the named bucket succeeded and you already own it.");
        return error_set(error, ERROR_CONFLICT, S3_BucketAlreadyExists,
                         "The requested bucket name is not available. Select a different name and try again.");
    case LOOKUP_MISSING:
        break;
    }
    row = (struct bucket_row){.number = batch->numbers.group++};
    row.info.created_ms = clock_wall_ms(batch->store->options.clock);
    const struct bucket_intent *intent = change->create.intent;
    row.info.creation_id = intent->creation_id != 0 ? intent->creation_id : row.number;
    row.info.versioning = intent->versioning;
    row.info.has_lock = intent->has_lock;
    memcpy(row.info.name, change->bucket.data, change->bucket.size);
    if (change->create.intent->owner.size > 0)
        memcpy(row.info.owner, change->create.intent->owner.data, change->create.intent->owner.size);
    change->create.info = row.info;
    batch->has_bucket_change = true;
    return catalogue_put_bucket(batch->txn, &batch->store->catalogue, &row, error) || batch_broken(batch);
}

bool bucket_row_delete(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row row;
    bool is_empty;
    bool has_no_versions;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &row, error) ||
        !key_group_is_empty(&batch->keys, row.number, &is_empty, error) ||
        !version_bucket_is_empty(batch, row.number, &has_no_versions, error))
        return false;
    if (!is_empty || !has_no_versions)
        return error_set(error, ERROR_CONFLICT, S3_BucketNotEmpty, "%s",
                         row.info.versioning == VERSIONING_NEVER
                             ? "The bucket you tried to delete is not empty."
                             : "The bucket you tried to delete is not empty: versions or delete markers are left. "
                               "You must delete all versions in the bucket.");
    if (!uploads_free_all(batch, row.number, error))
        return batch_broken(batch);
    if (batch->is_partial)
        return true;
    batch->has_bucket_change = true;
    return catalogue_delete_beside(batch->txn, batch->store->catalogue.buckets, change->bucket, error) ||
           batch_broken(batch);
}

static bool refuse_state(struct error *error, const char *message)
{
    return error_set(error, ERROR_CONFLICT, S3_InvalidBucketState, "%s", message);
}

/* Versions that are written in this transaction, behind this change, obey it already (402). */
bool bucket_row_set(struct batch *batch, struct change *change, struct error *error)
{
    struct bucket_row row;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &row, error))
        return false;
    bool sets_lock = change->set.versioning == VERSIONING_NEVER;
    if (!sets_lock && row.info.has_lock && change->set.versioning != VERSIONING_ENABLED)
        return refuse_state(error, "An Object Lock configuration is present on this bucket, so the versioning state "
                                   "cannot be changed.");
    if (sets_lock && row.info.versioning != VERSIONING_ENABLED)
        return refuse_state(error, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    if (sets_lock) {
        row.info.has_lock = true;
        row.info.retention = *change->set.retention;
    } else {
        row.info.versioning = change->set.versioning;
    }
    change->set.info = row.info;
    batch->has_bucket_change = true;
    return catalogue_put_bucket(batch->txn, &batch->store->catalogue, &row, error) || batch_broken(batch);
}

/* ---- volumes ---- */

bool batch_put_volume(MDB_txn *txn, const struct catalogue *catalogue, uint32_t number, uint32_t blocks, bool is_filled,
                      struct error *error)
{
    uint8_t key[4];
    uint8_t value[VOLUME_ROW_BYTES] = {VOLUME_ROW_VERSION, is_filled};
    store_u32_be(key, number);
    store_u32_le(value + 4, blocks);
    return catalogue_put_beside(txn, catalogue->volumes, span_of(key, sizeof key), span_of(value, sizeof value), error);
}

bool volume_row_fill(struct batch *batch, struct change *change, struct error *error)
{
    const struct volume *volume = change->volume.volume;
    return batch_put_volume(batch->txn, &batch->store->catalogue, volume->number, volume->blocks, true, error) ||
           batch_broken(batch);
}

bool volume_row_drop(struct batch *batch, struct change *change, struct error *error)
{
    const struct volume *volume = change->volume.volume;
    const struct catalogue *catalogue = &batch->store->catalogue;
    uint8_t key[4];
    store_u32_be(key, volume->number);
    return (catalogue_delete_beside(batch->txn, catalogue->volumes, span_of(key, sizeof key), error) &&
            space_forget(batch->txn, catalogue, volume->number, volume->blocks, error)) ||
           batch_broken(batch);
}
