/* server/maintenance/replaced_version.c -- two entries of a list, compared. */
#include "server/maintenance/replaced_version.h"

#include <string.h>

enum { LIST_ARENA_BYTES = 1 << 20 };

/* What a client sees of both is the same, but the id. */
static bool look_alike(const struct list_entry *current, const struct list_entry *former, struct span key)
{
    return span_equal(current->key, key) && span_equal(former->key, key) && current->is_latest &&
           !current->is_delete_marker && !former->is_delete_marker && current->original_size == former->original_size &&
           current->modified_ms == former->modified_ms && strcmp(current->etag, former->etag) == 0;
}

/* Does the current one say that it was made of the other? By its version: others may have the same bytes. */
SUSPENDS static bool is_made_of(struct bucket_store *store, const struct object_name *name,
                                const struct list_entry *entries, bool *ret_is_made_of, struct error *error)
{
    const struct object_name of_current = {name->bucket, name->key, span_from_string(entries[0].version)};
    struct bucket_object *current;
    if (!bucket_open(store, &of_current, NULL, &current, error))
        return false;
    *ret_is_made_of = bucket_is_made_of(current, entries[1].version);
    bucket_close(current);
    return true;
}

/* *ret_version: of the one that is to go; "": none is. */
SUSPENDS static bool find_pair(struct bucket_store *store, const struct object_name *name,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    const struct version_list_request request = {.bucket = name->bucket, .prefix = name->key, .entries_max = 2};
    struct arena arena;
    struct list_page page;
    bool is_pair = false;
    ret_version[0] = '\0';
    arena_init(&arena, LIST_ARENA_BYTES);
    bool done = bucket_list_versions(store, &request, &arena, &page, error);
    if (done && page.count == 2 && look_alike(&page.entries[0], &page.entries[1], name->key))
        done = is_made_of(store, name, page.entries, &is_pair, error);
    if (is_pair)
        memcpy(ret_version, page.entries[1].version, VERSION_TEXT_BYTES);
    arena_free(&arena);
    return done;
}

SUSPENDS bool replaced_version_remove(struct bucket_store *store, const struct object_name *name, struct error *error)
{
    char version[VERSION_TEXT_BYTES];
    if (!find_pair(store, name, version, error))
        return false;
    if (version[0] == '\0' || strcmp(version, "null") == 0) /* a null version may be replaced meanwhile */
        return true;
    struct delete_item item = {.key = name->key, .version = span_from_string(version)};
    if (!bucket_delete_objects(store, name->bucket, &item, 1, error))
        return false;
    if (!item.is_deleted)
        *error = item.error;
    return item.is_deleted;
}
