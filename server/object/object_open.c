/* server/object/object_open.c -- opens objects to be read, small ones by what the cache has of them. */
#include "server/object/codecs_private.h"

static void *find_decoded(void *context, const struct object_attributes *attributes)
{
    struct object_codecs *codecs = context;
    struct decoded_entry *entry = decoded_cache_find(codecs->decoded, span_from_string(attributes->stored_etag));
    if (entry == NULL || decoded_entry_bytes(entry).size == attributes->original_size)
        return entry;
    decoded_cache_give(entry);
    return NULL;
}

SUSPENDS bool object_open(struct object_codecs *codecs, struct bucket_store *store, const struct object_name *name,
                          struct bucket_object **ret_object, struct error *error)
{
    const struct bucket_recall recall = {.find = find_decoded, .context = codecs};
    return bucket_open_recall(store, name, &recall, ret_object, error);
}

void object_close(struct bucket_object *object)
{
    struct decoded_entry *entry = object->recalled;
    bucket_close(object);
    decoded_cache_give(entry);
}
