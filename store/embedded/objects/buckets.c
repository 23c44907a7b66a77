/* store/embedded/objects/buckets.c -- buckets that come and go, and objects that are deleted: changes for the
 * committer, and a look. */
#include "store/embedded/objects/objects.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"

SUSPENDS bool store_create_bucket(struct bucket_store *base, const struct bucket_intent *intent, struct error *error)
{
    struct change change = {.kind = CHANGE_CREATE_BUCKET, .bucket = intent->name, .create.intent = intent};
    return committer_commit(shard_current(embedded_of(base)), &change, error);
}

SUSPENDS bool store_delete_bucket(struct bucket_store *base, struct span bucket, struct error *error)
{
    struct change change = {.kind = CHANGE_DELETE_BUCKET, .bucket = bucket};
    return committer_commit(shard_current(embedded_of(base)), &change, error);
}

SUSPENDS bool store_set_versioning(struct bucket_store *base, struct span bucket, enum bucket_versioning versioning,
                                   struct error *error)
{
    struct change change = {.kind = CHANGE_SET_BUCKET, .bucket = bucket, .set = {.versioning = versioning}};
    return committer_commit(shard_current(embedded_of(base)), &change, error);
}

SUSPENDS bool store_set_lock(struct bucket_store *base, struct span bucket, const struct default_retention *retention,
                             struct error *error)
{
    struct change change = {.kind = CHANGE_SET_BUCKET, .bucket = bucket, .set = {.retention = retention}};
    return committer_commit(shard_current(embedded_of(base)), &change, error);
}

SUSPENDS bool store_find_bucket(struct bucket_store *base, struct span bucket, struct bucket_info *ret_info,
                                struct error *error)
{
    const struct bucket_row *row = shard_find_bucket(shard_current(embedded_of(base)), bucket, error);
    if (row != NULL)
        *ret_info = row->info;
    return row != NULL;
}

SUSPENDS bool store_delete_objects(struct bucket_store *base, struct span bucket, struct delete_item *items,
                                   unsigned count, struct error *error)
{
    struct shard *shard = shard_current(embedded_of(base));
    const struct bucket_row *row = shard_find_bucket(shard, bucket, error);
    if (row == NULL)
        return false;
    struct change change = {.kind = CHANGE_DELETE, .bucket = bucket, .delete = {items, count, false}};
    for (unsigned i = 0; row->info.versioning != VERSIONING_NEVER && i < count; i++)
        change.delete.makes_markers = change.delete.makes_markers || items[i].version.size == 0;
    return committer_commit(shard, &change, error);
}
