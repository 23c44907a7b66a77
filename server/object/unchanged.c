/* server/object/unchanged.c -- a HEAD, and the tags. */
#include "server/object/unchanged.h"

#include <string.h>

enum { HEAD_ARENA_BYTES = 64 << 10 };

static bool is_same(const struct object_attributes *a, const struct object_attributes *b)
{
    return strcmp(a->stored_etag, b->stored_etag) == 0 && a->modified_ms == b->modified_ms &&
           metadata_is_same(a->metadata, b->metadata);
}

SUSPENDS bool object_expect_unchanged(struct bucket_store *store, const struct object_name *name,
                                      const struct object_attributes *then, struct span tags, struct error *error)
{
    struct object_attributes now;
    struct arena arena;
    struct buffer tags_now;
    arena_init(&arena, HEAD_ARENA_BYTES);
    buffer_init(&tags_now, 0);
    bool done = bucket_head(store, name, &arena, &now, error) &&
                (!store->capabilities.has_tags || bucket_read_tags(store, name, &tags_now, NULL, error));
    if (done && (!is_same(&now, then) || !metadata_is_same(buffer_span(&tags_now), tags)))
        done = error_set(error, ERROR_CHANGED, NULL, "somebody has changed it meanwhile");
    buffer_free(&tags_now);
    arena_free(&arena);
    return done;
}
