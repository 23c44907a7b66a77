/* store/walk.c -- pages of buckets, and in them pages of keys. */
#include "store/walk.h"

#include <string.h>

enum { PAGE_BUCKETS = 100, PAGE_BUCKETS_BYTES = 1 << 20, PAGE_KEYS = 1000, PAGE_KEYS_BYTES = 16 << 20 };

/* Where a walk over a bucket is: behind this key, and behind this version of it. */
struct place {
    struct span bucket;
    bool is_versioned;
    size_t key_bytes;
    char key[OBJECT_KEY_BYTES_MAX];
    char version[VERSION_TEXT_BYTES];
    int64_t modified_ms; /* when that was made: it may be gone when the next page is asked for */
};

SUSPENDS static bool visit_page(const struct walk *walk, const struct place *place, const struct list_page *page,
                                struct error *error)
{
    bool done = true;
    for (unsigned i = 0; i < page->count && done; i++) {
        struct object_name name = {.bucket = place->bucket, .key = page->entries[i].key};
        if (place->is_versioned)
            name.version = span_from_string(page->entries[i].version);
        done = walk->visit(walk->context, &name, &page->entries[i], error);
    }
    return done;
}

SUSPENDS static bool list_page(struct bucket_store *store, const struct walk *walk, const struct place *place,
                               struct arena *arena, struct list_page *ret_page, struct error *error)
{
    struct span prefix = walk->prefix != NULL ? span_from_string(walk->prefix) : SPAN_EMPTY;
    const struct list_request request = {.bucket = place->bucket,
                                         .prefix = prefix,
                                         .after = span_of(place->key, place->key_bytes),
                                         .entries_max = PAGE_KEYS,
                                         .is_damage_listed = walk->has_damaged};
    const struct version_list_request versions = {.bucket = place->bucket,
                                                  .prefix = prefix,
                                                  .after_key = request.after,
                                                  .after_version = span_from_string(place->version),
                                                  .after_modified_ms = place->modified_ms,
                                                  .entries_max = PAGE_KEYS};
    return place->is_versioned ? bucket_list_versions(store, &versions, arena, ret_page, error)
                               : bucket_list(store, &request, arena, ret_page, error);
}

static void go_behind(struct place *place, const struct list_entry *last)
{
    memcpy(place->key, last->key.data, last->key.size);
    place->key_bytes = last->key.size;
    if (!place->is_versioned)
        return;
    memcpy(place->version, last->version, sizeof place->version);
    place->modified_ms = last->modified_ms;
}

SUSPENDS static bool visit_uploads(const struct walk *walk, struct span bucket, const struct upload_list_page *page,
                                   struct error *error)
{
    bool done = true;
    for (unsigned i = 0; i < page->count && done; i++) {
        const struct upload_info *upload = &page->entries[i].upload;
        const struct object_name name = {.bucket = bucket, .key = upload->key};
        done = walk->visit_upload(walk->context, &name, span_from_string(upload->id), error);
    }
    return done;
}

SUSPENDS static bool walk_uploads(struct bucket_store *store, const struct walk *walk, struct span bucket,
                                  struct error *error)
{
    char key[OBJECT_KEY_BYTES_MAX];
    char id[UPLOAD_ID_BYTES];
    struct upload_list_request request = {
        .bucket = bucket,
        .prefix = walk->prefix != NULL ? span_from_string(walk->prefix) : SPAN_EMPTY,
        .entries_max = PAGE_KEYS,
    };
    struct upload_list_page page = {.is_truncated = true};
    bool done = true;
    while (done && page.is_truncated) {
        struct arena arena;
        arena_init(&arena, PAGE_KEYS_BYTES);
        done = bucket_list_uploads(store, &request, &arena, &page, error) && visit_uploads(walk, bucket, &page, error);
        page.is_truncated = done && page.is_truncated && page.count > 0;
        if (page.is_truncated) {
            const struct upload_info *last = &page.entries[page.count - 1].upload;
            memcpy(key, last->key.data, last->key.size);
            memcpy(id, last->id, sizeof id);
            request.after_key = span_of(key, last->key.size);
            request.after_upload = span_from_string(id);
        }
        arena_free(&arena);
    }
    return done;
}

SUSPENDS static bool walk_bucket(struct bucket_store *store, const struct walk *walk, struct span bucket,
                                 struct error *error)
{
    struct place place = {.bucket = bucket};
    struct bucket_info info;
    struct list_page page = {.is_truncated = true};
    bool done = true;
    if (walk->has_versions && store->capabilities.has_versions) {
        done = bucket_find(store, bucket, &info, error);
        place.is_versioned = done && info.versioning != VERSIONING_NEVER;
    }
    while (done && page.is_truncated) {
        struct arena arena;
        arena_init(&arena, PAGE_KEYS_BYTES);
        done = list_page(store, walk, &place, &arena, &page, error) && visit_page(walk, &place, &page, error);
        if (done && page.count == 0)
            page.is_truncated = false;
        if (done && page.is_truncated)
            go_behind(&place, &page.entries[page.count - 1]);
        arena_free(&arena);
    }
    return done && (walk->visit_upload == NULL || walk_uploads(store, walk, bucket, error));
}

SUSPENDS static bool walk_all(struct bucket_store *store, const struct walk *walk, struct error *error)
{
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    bool is_truncated = true;
    bool done = true;
    while (done && is_truncated) {
        struct arena arena;
        struct bucket_info *buckets;
        unsigned count = 0;
        arena_init(&arena, PAGE_BUCKETS_BYTES);
        done = bucket_list_buckets(store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), PAGE_BUCKETS, &arena,
                                   &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; i < count && done; i++) {
            if (buckets[i].name[0] != '.') /* Bale's own */
                done = walk_bucket(store, walk, span_from_string(buckets[i].name), error);
        }
        if (done && count > 0)
            memcpy(after, buckets[count - 1].name, sizeof after);
        is_truncated = is_truncated && count > 0;
        arena_free(&arena);
    }
    return done;
}

SUSPENDS bool walk_objects(struct bucket_store *store, const struct walk *walk, struct error *error)
{
    return walk->bucket != NULL ? walk_bucket(store, walk, span_from_string(walk->bucket), error)
                                : walk_all(store, walk, error);
}
