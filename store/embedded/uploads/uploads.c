/* store/embedded/uploads/uploads.c -- uploads: begun, found, completed, aborted. */
#include "store/embedded/uploads/uploads.h"

#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/objects/index.h"
#include "store/embedded/queue/committer.h"
#include "store/embedded/shard/shard.h"
#include "store/embedded/state.h"
#include "store/embedded/uploads/manifest.h"

enum { METADATA_BYTES_MAX = UINT16_MAX, ID_CHOSEN_BYTES = 10 };

/* ---- looking up ---- */

/* The row points into the map. */
static bool find(struct embedded_store *store, MDB_txn *txn, const struct object_name *name, const uint8_t *id,
                 struct upload_row *ret_upload, struct error *error)
{
    struct bucket_row bucket;
    uint64_t group;
    return catalogue_need_bucket(txn, &store->catalogue, name->bucket, &bucket, error) &&
           upload_find(txn, &store->catalogue, bucket.number, name->key, id, &group, ret_upload, error);
}

static bool copy_into(struct arena *arena, struct span *span, struct error *error)
{
    if (span->size > 0)
        *span = arena_copy(arena, *span);
    return span->size == 0 || span->data != NULL ||
           error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

SUSPENDS bool store_find_upload(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                                struct arena *arena, struct upload_info *ret_upload, struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    struct shard *shard = shard_current(store);
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    struct upload_row row;
    if (!upload_id_parse(upload_id, id))
        return no_such_upload(error);
    MDB_txn *txn = shard_begin_read(shard, error);
    if (txn == NULL)
        return false;
    bool found = find(store, txn, name, id, &row, error);
    if (found) {
        *ret_upload = (struct upload_info){.key = name->key,
                                           .metadata = row.metadata,
                                           .tags = row.tags,
                                           .initiator = row.initiator,
                                           .initiated_ms = row.initiated_ms,
                                           .checksum_algorithm = row.checksum_algorithm,
                                           .checksum_type = row.checksum_type,
                                           .lock = row.lock,
                                           .owner = row.owner,
                                           .acl = row.acl,
                                           .seal = row.seal};
        upload_id_format(id, ret_upload->id);
        found = copy_into(arena, &ret_upload->seal, error) && copy_into(arena, &ret_upload->owner, error) &&
                copy_into(arena, &ret_upload->acl, error) && copy_into(arena, &ret_upload->key, error) &&
                copy_into(arena, &ret_upload->metadata, error) && copy_into(arena, &ret_upload->tags, error) &&
                copy_into(arena, &ret_upload->initiator, error);
    }
    shard_end_read(shard);
    return found;
}

/* Of an encrypted object the hashes are in its seal, which does not outlive the transaction. */
static void show_completed(const struct embedded_store *store, const struct completed_row *row,
                           struct object_attributes *ret_attributes)
{
    *ret_attributes = (struct object_attributes){.original_size = row->original_size,
                                                 .modified_ms = row->completed_ms,
                                                 .is_size_known = true,
                                                 .is_multipart = true,
                                                 .parts_count = row->parts_count,
                                                 .checksum = row->checksum,
                                                 .seal = row->seal};
    memcpy(ret_attributes->version, row->version, sizeof row->version);
    memcpy(ret_attributes->etag, row->etag, sizeof row->etag);
    veil_lift(store->options.veil, ret_attributes);
    ret_attributes->seal = SPAN_EMPTY;
}

SUSPENDS bool store_find_completed(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                                   struct object_attributes *ret_attributes, struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    struct shard *shard = shard_current(store);
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    struct bucket_row bucket;
    struct completed_row row;
    struct span value;
    if (!upload_id_parse(upload_id, id))
        return no_such_upload(error);
    MDB_txn *txn = shard_begin_read(shard, error);
    if (txn == NULL)
        return false;
    bool found = catalogue_need_bucket(txn, &store->catalogue, name->bucket, &bucket, error);
    if (found) {
        enum lookup looked = catalogue_get(txn, store->catalogue.completed, span_of(id, sizeof id), &value, error);
        found = looked == LOOKUP_FOUND && completed_decode(value, &row, error);
        if (looked == LOOKUP_MISSING || (found && (row.bucket != bucket.number || !span_equal(row.key, name->key))))
            found = no_such_upload(error);
    }
    if (found)
        show_completed(store, &row, ret_attributes);
    shard_end_read(shard);
    return found;
}

/* ---- changing ---- */

SUSPENDS bool store_create_upload(struct bucket_store *base, const struct upload_intent *intent,
                                  char ret_id[UPLOAD_ID_BYTES], struct error *error)
{
    struct embedded_store *store = embedded_of(base);
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    if (intent->metadata.size > METADATA_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, S3_MetadataTooLarge, "The metadata of the object is too large.");
    random_fill(store->options.random, id + ID_CHOSEN_BYTES, sizeof id - ID_CHOSEN_BYTES);
    struct change change = {.kind = CHANGE_CREATE_UPLOAD, .bucket = intent->name.bucket};
    change.upload.key = intent->name.key;
    change.upload.intent = intent;
    change.upload.ret_id = id;
    if (!committer_commit(shard_current(store), &change, error))
        return false;
    upload_id_format(id, ret_id);
    return true;
}

SUSPENDS bool store_abort_upload(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                                 struct error *error)
{
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    if (!upload_id_parse(upload_id, id))
        return no_such_upload(error);
    struct change change = {.kind = CHANGE_ABORT_UPLOAD, .bucket = name->bucket};
    change.upload.key = name->key;
    change.upload.id = id;
    return committer_commit(shard_current(embedded_of(base)), &change, error);
}

static void start_row(struct shard *shard, const struct write_result *result, struct row *ret_row)
{
    *ret_row =
        (struct row){.attributes = *result->attributes, .tags = result->tags, .is_uncounted = result->is_uncounted};
    struct object_attributes *attributes = &ret_row->attributes;
    shard_next_token(shard, ret_row->token);
    attributes->sidecar_size = result->sidecar.size;
    attributes->modified_ms = clock_wall_ms(shard->store->options.clock);
    attributes->is_delete_marker = false;
    attributes->superseded_ms = 0;
    strcpy(attributes->version, "null"); /* the committer knows it */
    hex_encode(span_of(ret_row->token, ROW_TOKEN_BYTES), attributes->stored_etag);
    attributes->stored_etag[2 * ROW_TOKEN_BYTES] = '\0';
}

SUSPENDS bool store_complete_upload(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                                    const struct part_choice *parts, unsigned count, const struct write_result *result,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    struct shard *shard = shard_current(embedded_of(base));
    uint8_t id[UPLOAD_ID_RAW_BYTES];
    struct row row;
    if (!upload_id_parse(upload_id, id))
        return no_such_upload(error);
    if (result->attributes->metadata.size > METADATA_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, S3_MetadataTooLarge, "The metadata of the object is too large.");
    struct write_result indexed = *result;
    struct buffer sidecar;
    store_index(&indexed, &sidecar);
    start_row(shard, &indexed, &row);
    struct change change = {.kind = CHANGE_COMPLETE_UPLOAD, .bucket = name->bucket};
    change.upload.key = name->key;
    change.upload.id = id;
    change.upload.choices = parts;
    change.upload.count = count;
    change.upload.result = &indexed;
    change.upload.row = &row;
    bool done = committer_commit(shard, &change, error);
    buffer_free(&sidecar);
    if (!done)
        return false;
    manifest_write(shard, name, &row);
    *ret_attributes = row.attributes;
    ret_attributes->metadata = ret_attributes->seal = ret_attributes->owner = ret_attributes->acl = SPAN_EMPTY;
    return true;
}
