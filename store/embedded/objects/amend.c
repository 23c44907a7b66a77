/* store/embedded/objects/amend.c -- what stands beside a version, in its row: tags, ACL, retention, hold, class,
 * seal. */
#include "s3client/wire/s3_error.h"
#include "store/embedded/objects/objects.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"

SUSPENDS bool store_read_tags(struct bucket_store *base, const struct object_name *name, struct buffer *ret_tags,
                              char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    struct shard *shard = shard_current(store);
    struct span object;
    struct row row;
    uint64_t bucket;
    MDB_txn *txn = shard_begin_read_in(shard, name->bucket, &bucket, error);
    if (txn == NULL)
        return false;
    bool found = store_find_row(store, txn, bucket, name, &object, error) && row_decode_object(object, &row, error);
    if (found) {
        buffer_append(ret_tags, row.tags);
        strcpy(ret_version, row.attributes.version);
    }
    shard_end_read(shard);
    if (!found && error->code == NULL)
        error->code = S3_InternalError;
    if (found && ret_tags->overflow)
        return error_set(error, ERROR_TOO_LARGE, NULL, "The tags are larger than their limit.");
    return found;
}

static SUSPENDS bool amend(struct bucket_store *base, const struct object_name *name, struct change *change,
                           char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    change->kind = CHANGE_AMEND;
    change->bucket = name->bucket;
    change->amend.name = name;
    change->amend.ret_version = ret_version;
    return committer_commit(shard_current(embedded_of(base)), change, error);
}

SUSPENDS bool store_write_tags(struct bucket_store *base, const struct object_name *name, struct span tags,
                               unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct change change = {.amend = {.kind = AMEND_TAGS, .tags = tags, .tags_count = tags_count}};
    return amend(base, name, &change, ret_version, error);
}

SUSPENDS bool store_write_acl(struct bucket_store *base, const struct object_name *name,
                              const struct object_attributes *judged, struct span acl,
                              char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct change change = {.amend = {.kind = AMEND_ACL, .acl = acl, .judged = judged}};
    return amend(base, name, &change, ret_version, error);
}

SUSPENDS bool store_write_retention(struct bucket_store *base, const struct object_name *name,
                                    const struct retention_change *retention, char ret_version[VERSION_TEXT_BYTES],
                                    struct error *error)
{
    struct change change = {.amend = {.kind = AMEND_RETENTION, .retention = retention}};
    return amend(base, name, &change, ret_version, error);
}

SUSPENDS bool store_write_legal_hold(struct bucket_store *base, const struct object_name *name, enum lock_hold hold,
                                     char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct change change = {.amend = {.kind = AMEND_HOLD, .hold = hold}};
    return amend(base, name, &change, ret_version, error);
}

SUSPENDS bool store_change_class(struct bucket_store *base, const struct object_name *name,
                                 const struct class_change *class_change, struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    struct change change = {.amend = {.kind = AMEND_CLASS, .class_change = class_change}};
    return amend(base, name, &change, ignored, error);
}

SUSPENDS bool store_change_seal(struct bucket_store *base, const struct object_name *name,
                                const struct seal_change *seal_change, struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    struct change change = {.amend = {.kind = AMEND_SEAL, .seal_change = seal_change}};
    return amend(base, name, &change, ignored, error);
}
