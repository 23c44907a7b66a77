/* store/embedded/objects/tags.c -- tags of an object: a field of its row, read and replaced. */
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

SUSPENDS bool store_write_tags(struct bucket_store *base, const struct object_name *name, struct span tags,
                               unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct change change = {.kind = CHANGE_PUT_TAGS, .bucket = name->bucket, .tags = {name, tags, tags_count}};
    strcpy(ret_version, "null");
    return committer_commit(shard_current(embedded_of(base)), &change, error);
}
