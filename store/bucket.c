/* store/bucket.c -- the way into a store: what callers promised and what a store cannot do is checked here, once for
 * every implementation. */
#include "store/bucket_operations.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/refusal.h"

static bool is_bucket_name(struct span bucket)
{
    return bucket.size >= 1 && bucket.size <= BUCKET_NAME_BYTES_MAX;
}

static bool is_object_name(const struct object_name *name)
{
    return is_bucket_name(name->bucket) && name->key.size >= 1 && name->key.size <= OBJECT_KEY_BYTES_MAX &&
           name->version.size < VERSION_TEXT_BYTES;
}

/* A writer begins with its store, as an open object does. */
struct bucket_writer {
    const struct bucket_store *store;
};

uint64_t bucket_draw_creation_id(const struct random_source *random)
{
    return random_u64(random) | UINT64_C(1) << 63; /* stores count theirs from 1, or draw like this */
}

SUSPENDS bool bucket_create(struct bucket_store *store, const struct bucket_intent *intent, struct error *error)
{
    ASSERT(is_bucket_name(intent->name) && intent->owner.size <= ACCOUNT_ID_BYTES_MAX);
    ASSERT(!intent->has_lock || intent->versioning == VERSIONING_ENABLED);
    return (intent->versioning == VERSIONING_NEVER || store_keeps_versions(store, error)) &&
           (!intent->has_lock || store_keeps_locks(store, error)) &&
           store->operations->create_bucket(store, intent, error);
}

SUSPENDS bool bucket_set_versioning(struct bucket_store *store, struct span bucket, enum bucket_versioning versioning,
                                    struct error *error)
{
    ASSERT(is_bucket_name(bucket) && versioning != VERSIONING_NEVER);
    return store_keeps_versions(store, error) && store->operations->set_versioning(store, bucket, versioning, error);
}

SUSPENDS bool bucket_set_lock(struct bucket_store *store, struct span bucket, const struct default_retention *retention,
                              struct error *error)
{
    ASSERT(is_bucket_name(bucket) && (retention->mode == LOCK_NONE || (retention->days > 0) != (retention->years > 0)));
    return store_keeps_locks(store, error) && store->operations->set_lock(store, bucket, retention, error);
}

SUSPENDS bool bucket_find(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                          struct error *error)
{
    ASSERT(is_bucket_name(bucket));
    return store->operations->find_bucket(store, bucket, ret_info, error);
}

SUSPENDS bool bucket_delete(struct bucket_store *store, struct span bucket, struct error *error)
{
    ASSERT(is_bucket_name(bucket));
    return store->operations->delete_bucket(store, bucket, error);
}

SUSPENDS bool bucket_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    return store->operations->list_buckets(store, owner, prefix, after, buckets_max, arena, ret_buckets, ret_count,
                                           ret_truncated, error);
}

SUSPENDS bool bucket_open(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                          struct bucket_object **ret_object, struct error *error)
{
    static const struct open_intent everything = {.extent = OPEN_WHOLE};
    ASSERT(is_object_name(name));
    return store_may_have_key(store, name->key, error) &&
           store->operations->open(store, name, intent != NULL ? intent : &everything, ret_object, error);
}

SUSPENDS bool bucket_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error)
{
    ASSERT(is_object_name(name));
    return store_may_have_key(store, name->key, error) &&
           store->operations->head(store, name, arena, ret_attributes, error);
}

bool bucket_wants_window(const struct bucket_object *object)
{
    return object->store->operations->read_window != NULL && object->recalled == NULL && object->whole_body.size == 0;
}

void bucket_read_window(struct bucket_object *object, uint64_t first, uint64_t end)
{
    ASSERT(first <= end && end <= object->attributes.stored_size);
    if (bucket_wants_window(object))
        object->store->operations->read_window(object, first, end);
}

SUSPENDS bool bucket_read(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error)
{
    ASSERT(offset <= object->attributes.stored_size && size <= object->attributes.stored_size - offset);
    ASSERT(object->recalled == NULL && object->decision.verdict == READ_PROCEED);
    return object->store->operations->read(object, offset, ret_bytes, size, error);
}

bool bucket_borrow(struct bucket_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan)
{
    ASSERT(size >= 1 && size <= BUCKET_LOAN_BYTES_MAX);
    ASSERT(offset <= object->attributes.stored_size && size <= object->attributes.stored_size - offset);
    ASSERT(object->recalled == NULL && object->decision.verdict == READ_PROCEED && object->may_lend);
    ret_loan->count = 0;
    return object->store->operations->borrow(object, offset, size, ret_loan);
}

void bucket_give_back(const struct bucket_object *object, struct bucket_loan *loan)
{
    if (loan->count > 0)
        object->store->operations->give_back(loan);
    loan->count = 0;
}

SUSPENDS bool bucket_read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error)
{
    return object->store->operations->read_sidecar(object, ret_sidecar, error);
}

bool bucket_is_made_of(const struct bucket_object *object, const char *revision)
{
    const struct bucket_store_operations *operations = object->store->operations;
    return operations->is_made_of != NULL && operations->is_made_of(object, revision);
}

void bucket_close(struct bucket_object *object)
{
    object->store->operations->close(object);
}

SUSPENDS bool bucket_begin(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error)
{
    ASSERT(is_object_name(&intent->name));
    return store_takes_key(store, intent->name.key, error) &&
           (intent->tags.size == 0 || store_keeps_tags(store, error)) &&
           (intent->kept_ms == 0 || store_keeps_time(store, error)) && store_takes_lock(store, &intent->lock, error) &&
           store_takes_acl(store, intent->owner, intent->acl, error) &&
           (!intent->is_sealed || store_keeps_seals(store, error)) &&
           store_takes_condition(store, STEP_PUT, intent->condition, error) &&
           store->operations->begin(store, intent, ret_writer, error);
}

SUSPENDS bool bucket_write(struct bucket_writer *writer, struct span bytes, struct error *error)
{
    return writer->store->operations->write(writer, bytes, error);
}

SUSPENDS bool bucket_commit(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    ASSERT(result->attributes != NULL);
    const struct object_attributes *attributes = result->attributes;
    if (!store_takes_condition(writer->store, STEP_PUT, result->condition, error) ||
        !store_takes_acl(writer->store, attributes->owner, attributes->acl, error) ||
        !store_takes_seal(writer->store, attributes->seal, error)) {
        bucket_abort(writer);
        return false;
    }
    return writer->store->operations->commit(writer, result, ret_attributes, error);
}

SUSPENDS void bucket_abort(struct bucket_writer *writer)
{
    writer->store->operations->abort(writer);
}

SUSPENDS bool bucket_commit_rewrite(struct bucket_writer *writer, const struct body_rewrite *rewrite,
                                    struct error *error)
{
    ASSERT(rewrite->grounds == NULL || writer->store->capabilities.judges_deletions);
    if (!store_rewrites(writer->store, rewrite->judged->seal, error) ||
        !store_takes_seal(writer->store, rewrite->body->seal, error)) {
        bucket_abort(writer);
        return false;
    }
    return writer->store->operations->commit_rewrite(writer, rewrite, error);
}

SUSPENDS bool bucket_change_class(struct bucket_store *store, const struct object_name *name,
                                  const struct class_change *change, struct error *error)
{
    ASSERT(is_object_name(name) && name->version.size > 0);
    ASSERT(change->grounds == NULL || store->capabilities.judges_deletions);
    return store_rewrites(store, SPAN_EMPTY, error) && store->operations->change_class(store, name, change, error);
}

SUSPENDS bool bucket_change_seal(struct bucket_store *store, const struct object_name *name,
                                 const struct seal_change *change, struct error *error)
{
    ASSERT(is_object_name(name) && name->version.size > 0);
    ASSERT(change->judged->seal.size > 0 && change->seal.size > 0 && change->seal.size <= OBJECT_SEAL_BYTES_MAX);
    return store_rewrites(store, SPAN_EMPTY, error) && store_takes_seal(store, change->seal, error) &&
           store->operations->change_seal(store, name, change, error);
}

SUSPENDS bool bucket_copy(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error)
{
    ASSERT(is_object_name(target) && result->attributes != NULL);
    return store_takes_key(source->store, target->key, error) &&
           (result->tags.size == 0 || store_keeps_tags(source->store, error)) &&
           store_takes_lock(source->store, &result->attributes->lock, error) &&
           store_takes_acl(source->store, result->attributes->owner, result->attributes->acl, error) &&
           store_takes_seal(source->store, result->attributes->seal, error) &&
           store_takes_condition(source->store, STEP_COPY, result->condition, error) &&
           source->store->operations->copy(source, target, result, ret_attributes, error);
}

/* What cannot be there is deleted; a condition that would be ignored is not sent. True: the item has its result. */
static bool settle_delete(const struct bucket_store *store, enum write_step step, struct delete_item *item)
{
    if (store_keeps_key(store, item->key) && store_takes_condition(store, step, item->condition, &item->error))
        return false;
    item->is_deleted = !store_keeps_key(store, item->key);
    return true;
}

SUSPENDS bool bucket_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error)
{
    ASSERT(is_bucket_name(bucket) && count <= DELETE_ITEMS_MAX);
    for (unsigned i = 0; i < count; i++) {
        ASSERT(items[i].key.size >= 1 && items[i].key.size <= OBJECT_KEY_BYTES_MAX);
        ASSERT(items[i].grounds == NULL || store->capabilities.judges_deletions);
    }
    enum write_step step = count == 1 ? STEP_DELETE : STEP_DELETE_MANY;
    unsigned first = 0; /* of a run that the store is asked for */
    for (unsigned i = 0; i < count; i++) {
        if (!settle_delete(store, step, &items[i]))
            continue;
        if (i > first && !store->operations->delete_objects(store, bucket, items + first, i - first, error))
            return false;
        first = i + 1;
    }
    return first == count || store->operations->delete_objects(store, bucket, items + first, count - first, error);
}

SUSPENDS bool bucket_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error)
{
    ASSERT(is_bucket_name(request->bucket) && request->entries_max <= LIST_ENTRIES_MAX);
    return store->operations->list(store, request, arena, ret_page, error);
}

/* Every object has the one version "null". */
static SUSPENDS bool list_null_versions(struct bucket_store *store, const struct version_list_request *request,
                                        struct arena *arena, struct list_page *ret_page, struct error *error)
{
    const struct list_request objects = {.bucket = request->bucket,
                                         .prefix = request->prefix,
                                         .delimiter = request->delimiter,
                                         .after = request->after_key,
                                         .entries_max = request->entries_max,
                                         .wants_owners = request->wants_owners};
    return bucket_list(store, &objects, arena, ret_page, error);
}

SUSPENDS bool bucket_list_versions(struct bucket_store *store, const struct version_list_request *request,
                                   struct arena *arena, struct list_page *ret_page, struct error *error)
{
    ASSERT(is_bucket_name(request->bucket) && request->entries_max <= LIST_ENTRIES_MAX);
    ASSERT(request->after_version.size == 0 || request->after_key.size > 0);
    ASSERT(!request->wants_grounds || store->capabilities.judges_deletions);
    return store->capabilities.has_versions ? store->operations->list_versions(store, request, arena, ret_page, error)
                                            : list_null_versions(store, request, arena, ret_page, error);
}

/* ---- uploads and tags ---- */

static bool is_upload_id(struct span id)
{
    return id.size == UPLOAD_ID_BYTES - 1;
}

static bool no_upload(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchUpload,
                     "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                     "aborted or completed.");
}

SUSPENDS bool bucket_create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error)
{
    ASSERT(is_object_name(&intent->name) && intent->initiator.size <= ACCOUNT_ID_BYTES_MAX);
    return store_takes_key(store, intent->name.key, error) &&
           (intent->tags.size == 0 || store_keeps_tags(store, error)) &&
           store_takes_lock(store, &intent->lock, error) && store_takes_acl(store, intent->owner, intent->acl, error) &&
           (intent->seal.size == 0 || store_seals_parts(store, error)) &&
           store->operations->create_upload(store, intent, ret_id, error);
}

SUSPENDS bool bucket_find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error)
{
    ASSERT(is_object_name(name));
    return is_upload_id(upload_id) ? store->operations->find_upload(store, name, upload_id, arena, ret_upload, error)
                                   : no_upload(error);
}

SUSPENDS bool bucket_begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error)
{
    ASSERT(is_object_name(name) && number >= 1 && number <= PART_NUMBER_MAX);
    return is_upload_id(upload_id)
               ? store->operations->begin_part(store, name, upload_id, number, stored_size_hint, ret_writer, error)
               : no_upload(error);
}

SUSPENDS bool bucket_commit_part(struct bucket_writer *writer, const struct part_attributes *part, struct error *error)
{
    ASSERT(part->number >= 1 && part->number <= PART_NUMBER_MAX && part->seal.size <= PART_SEAL_BYTES);
    if (part->seal.size > 0 && !store_seals_parts(writer->store, error)) {
        bucket_abort(writer);
        return false;
    }
    return writer->store->operations->commit_part(writer, part, error);
}

SUSPENDS bool bucket_list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    ASSERT(is_object_name(name));
    return is_upload_id(upload_id) ? store->operations->list_parts(store, name, upload_id, after, parts_max, arena,
                                                                   ret_parts, ret_count, ret_truncated, error)
                                   : no_upload(error);
}

SUSPENDS bool bucket_complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    ASSERT(is_object_name(name) && result->attributes != NULL && count >= 1 && count <= PART_NUMBER_MAX);
    for (unsigned i = 1; i < count; i++)
        ASSERT(parts[i].number > parts[i - 1].number);
    if (!is_upload_id(upload_id))
        return no_upload(error);
    return store_takes_condition(store, STEP_COMPLETE, result->condition, error) &&
           (result->attributes->seal.size == 0 || store_seals_parts(store, error)) &&
           store->operations->complete_upload(store, name, upload_id, parts, count, result, ret_attributes, error);
}

SUSPENDS bool bucket_abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error)
{
    ASSERT(is_object_name(name));
    return is_upload_id(upload_id) ? store->operations->abort_upload(store, name, upload_id, error) : no_upload(error);
}

SUSPENDS bool bucket_list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error)
{
    ASSERT(is_bucket_name(request->bucket) && request->entries_max <= LIST_ENTRIES_MAX);
    return store->operations->list_uploads(store, request, arena, ret_page, error);
}

SUSPENDS bool bucket_find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    ASSERT(is_object_name(name));
    return is_upload_id(upload_id) ? store->operations->find_completed(store, name, upload_id, ret_attributes, error)
                                   : no_upload(error);
}

SUSPENDS bool bucket_read_parts(struct bucket_object *object, unsigned after, unsigned parts_max, struct arena *arena,
                                struct object_part **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    return object->store->operations->read_parts(object, after, parts_max, arena, ret_parts, ret_count, ret_truncated,
                                                 error);
}

SUSPENDS bool bucket_read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    ASSERT(is_object_name(name));
    return store_keeps_tags(store, error) && store_may_have_key(store, name->key, error) &&
           store->operations->read_tags(store, name, ret_tags, ret_version != NULL ? ret_version : ignored, error);
}

SUSPENDS bool bucket_write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                                unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    ASSERT(is_object_name(name));
    return store_keeps_tags(store, error) && store_may_have_key(store, name->key, error) &&
           store->operations->write_tags(store, name, tags, tags_count, ret_version != NULL ? ret_version : ignored,
                                         error);
}

/* ---- what stands beside a version ---- */

SUSPENDS bool bucket_read_acl(struct bucket_store *store, const struct object_name *name,
                              const struct object_attributes *attributes, struct arena *arena, struct span *ret_acl,
                              struct error *error)
{
    ASSERT(is_object_name(name));
    *ret_acl = attributes->acl;
    return !store->capabilities.has_acls || store->operations->read_acl == NULL ||
           store->operations->read_acl(store, name, attributes, arena, ret_acl, error);
}

SUSPENDS bool bucket_write_acl(struct bucket_store *store, const struct object_name *name,
                               const struct object_attributes *judged, struct span acl,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    ASSERT(is_object_name(name) && acl.size <= OBJECT_ACL_BYTES_MAX);
    return store_keeps_acls(store, error) &&
           store->operations->write_acl(store, name, judged, acl, ret_version != NULL ? ret_version : ignored, error);
}

SUSPENDS bool bucket_write_retention(struct bucket_store *store, const struct object_name *name,
                                     const struct retention_change *change, char ret_version[VERSION_TEXT_BYTES],
                                     struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    ASSERT(is_object_name(name));
    return store_keeps_locks(store, error) &&
           store->operations->write_retention(store, name, change, ret_version != NULL ? ret_version : ignored, error);
}

SUSPENDS bool bucket_write_legal_hold(struct bucket_store *store, const struct object_name *name, enum lock_hold hold,
                                      char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    char ignored[VERSION_TEXT_BYTES];
    ASSERT(is_object_name(name) && hold != HOLD_UNSET);
    return store_keeps_locks(store, error) &&
           store->operations->write_legal_hold(store, name, hold, ret_version != NULL ? ret_version : ignored, error);
}
