/* store/embedded/change/amend_batch.c -- what stands beside a version is changed, where its row lies. */
#include "store/embedded/change/amend_batch.h"

#include "s3client/wire/s3_error.h"
#include "store/embedded/change/grounds.h"
#include "store/embedded/state.h"
#include "store/object_lock.h"

static bool missing(struct span version, struct error *error)
{
    return version.size == 0
               ? error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.")
               : error_set(error, ERROR_NOT_FOUND, S3_NoSuchVersion, "The specified version does not exist.");
}

static bool find_place(struct batch *batch, const struct version_key *key, struct span version,
                       struct version_place *ret_place, struct error *error)
{
    enum lookup found;
    if (version.size > 0) {
        found = version_find(batch->txn, &batch->store->catalogue, key->bucket->number, key->key, version, ret_place,
                             error);
    } else {
        *ret_place = (struct version_place){.is_current_row = true};
        found = batch_find_object(batch, key->bucket->number, key->key, &ret_place->row, error);
    }
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_MISSING && missing(version, error);
    return !ret_place->row.attributes.is_delete_marker ||
           error_set(error, ERROR_NOT_FOUND, S3_MethodNotAllowed,
                     "The specified method is not allowed against this resource: it is a delete marker.");
}

static bool amend_lock(struct batch *batch, const struct change *change, const struct bucket_info *bucket,
                       struct object_lock *lock, struct error *error)
{
    if (!bucket->has_lock)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest, "Bucket is missing Object Lock Configuration");
    if (change->amend.kind == AMEND_RETENTION)
        return object_lock_change(lock, change->amend.retention, clock_wall_ms(batch->store->options.clock), error);
    lock->hold = change->amend.hold;
    return true;
}

static bool amend_class(struct batch *batch, const struct change *change, const struct version_key *key,
                        struct row *row, struct error *error)
{
    const struct class_change *to = change->amend.class_change;
    if (strcmp(row->attributes.stored_etag, to->judged->stored_etag) != 0 ||
        !span_equal(row->attributes.metadata, to->judged->metadata))
        return error_set(error, ERROR_CHANGED, S3_SlowDown, "The object was changed while its class was being set.");
    if (to->grounds != NULL && !grounds_hold(batch, key, false, to->grounds, error))
        return false;
    row->attributes.metadata = to->metadata;
    if (to->level_tried != 0)
        row->attributes.level_tried = to->level_tried;
    return true;
}

static bool amend_seal(const struct seal_change *to, struct row *row, struct error *error)
{
    if (strcmp(row->attributes.stored_etag, to->judged->stored_etag) != 0 ||
        !span_equal(row->attributes.seal, to->judged->seal))
        return error_set(error, ERROR_CHANGED, S3_SlowDown, "The object was changed while its seal was being made.");
    row->attributes.seal = to->seal;
    return true;
}

static bool amend_row(struct batch *batch, const struct change *change, const struct version_key *key, struct row *row,
                      struct error *error)
{
    switch (change->amend.kind) {
    case AMEND_TAGS:
        row->tags = change->amend.tags;
        row->attributes.tags_count = change->amend.tags_count;
        return true;
    case AMEND_ACL:
        if (strcmp(row->attributes.stored_etag, change->amend.judged->stored_etag) != 0)
            return error_set(error, ERROR_CHANGED, S3_SlowDown,
                             "The object was replaced while its list of grants was being set. Try again.");
        row->attributes.acl = change->amend.acl;
        return true;
    case AMEND_CLASS:
        return amend_class(batch, change, key, row, error);
    case AMEND_SEAL:
        return amend_seal(change->amend.seal_change, row, error);
    default:
        return amend_lock(batch, change, &key->bucket->info, &row->attributes.lock, error);
    }
}

bool object_amend(struct batch *batch, struct change *change, struct error *error)
{
    const struct object_name *name = change->amend.name;
    struct bucket_row bucket;
    struct version_place place;
    if (!catalogue_need_bucket(batch->txn, &batch->store->catalogue, change->bucket, &bucket, error))
        return false;
    const struct version_key key = {&bucket, change->bucket, name->key};
    if (!find_place(batch, &key, name->version, &place, error))
        return false;
    struct row row = place.row;
    if (!amend_row(batch, change, &key, &row, error))
        return false;
    strcpy(change->amend.ret_version, row.attributes.version);
    return version_rewrite(batch, &key, &place, &row, error) || batch_broken(batch);
}
