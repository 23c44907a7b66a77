/* s3client/bucket.c -- the way into a store: what callers promised is checked here, once for every implementation. */
#include "s3client/bucket.h"

#include "runtime/base/assert.h"

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

SUSPENDS bool bucket_create(struct bucket_store *store, struct span bucket, struct span owner, struct error *error)
{
    ASSERT(is_bucket_name(bucket) && owner.size <= ACCOUNT_ID_BYTES_MAX);
    return store->operations->create_bucket(store, bucket, owner, error);
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

SUSPENDS bool bucket_open(struct bucket_store *store, const struct object_name *name, struct bucket_object **ret_object,
                          struct error *error)
{
    ASSERT(is_object_name(name));
    return store->operations->open(store, name, ret_object, error);
}

SUSPENDS bool bucket_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error)
{
    ASSERT(is_object_name(name));
    return store->operations->head(store, name, arena, ret_attributes, error);
}

SUSPENDS bool bucket_read(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                          struct error *error)
{
    ASSERT(offset <= object->attributes.stored_size && size <= object->attributes.stored_size - offset);
    return object->store->operations->read(object, offset, ret_bytes, size, error);
}

SUSPENDS bool bucket_read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error)
{
    return object->store->operations->read_sidecar(object, ret_sidecar, error);
}

void bucket_close(struct bucket_object *object)
{
    object->store->operations->close(object);
}

SUSPENDS bool bucket_begin(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error)
{
    ASSERT(is_object_name(&intent->name));
    return store->operations->begin(store, intent, ret_writer, error);
}

SUSPENDS bool bucket_write(struct bucket_writer *writer, struct span bytes, struct error *error)
{
    return writer->store->operations->write(writer, bytes, error);
}

SUSPENDS bool bucket_commit(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    ASSERT(result->attributes != NULL);
    return writer->store->operations->commit(writer, result, ret_attributes, error);
}

SUSPENDS void bucket_abort(struct bucket_writer *writer)
{
    writer->store->operations->abort(writer);
}

SUSPENDS bool bucket_copy(struct bucket_object *source, const struct object_name *target,
                          const struct write_result *result, struct object_attributes *ret_attributes,
                          struct error *error)
{
    ASSERT(is_object_name(target) && result->attributes != NULL);
    return source->store->operations->copy(source, target, result, ret_attributes, error);
}

SUSPENDS bool bucket_delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error)
{
    ASSERT(is_bucket_name(bucket) && count <= DELETE_ITEMS_MAX);
    for (unsigned i = 0; i < count; i++)
        ASSERT(items[i].key.size >= 1 && items[i].key.size <= OBJECT_KEY_BYTES_MAX);
    return store->operations->delete_objects(store, bucket, items, count, error);
}

SUSPENDS bool bucket_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error)
{
    ASSERT(is_bucket_name(request->bucket) && request->entries_max <= LIST_ENTRIES_MAX);
    return store->operations->list(store, request, arena, ret_page, error);
}
