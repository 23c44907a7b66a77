/* tools/bale/files/walk.c -- pages of buckets, and in them pages of keys. */
#include "tools/bale/files/walk.h"

#include <string.h>

enum { PAGE_BUCKETS = 100, PAGE_BUCKETS_BYTES = 1 << 20, PAGE_KEYS = 1000, PAGE_KEYS_BYTES = 16 << 20 };

SUSPENDS static bool visit_page(const struct walk *walk, struct span bucket, const struct list_page *page,
                                struct error *error)
{
    bool done = true;
    for (unsigned i = 0; i < page->count && done; i++) {
        const struct object_name name = {.bucket = bucket, .key = page->entries[i].key};
        done = walk->visit(walk->context, &name, &page->entries[i], error);
    }
    return done;
}

SUSPENDS static bool walk_bucket(struct bucket_store *store, const struct walk *walk, struct span bucket,
                                 struct error *error)
{
    char after[OBJECT_KEY_BYTES_MAX];
    size_t after_size = 0;
    struct list_page page = {.is_truncated = true};
    bool done = true;
    while (done && page.is_truncated) {
        struct arena arena;
        const struct list_request request = {
            .bucket = bucket,
            .prefix = walk->prefix != NULL ? span_from_string(walk->prefix) : SPAN_EMPTY,
            .after = span_of(after, after_size),
            .entries_max = PAGE_KEYS,
        };
        arena_init(&arena, PAGE_KEYS_BYTES);
        done = bucket_list(store, &request, &arena, &page, error) && visit_page(walk, bucket, &page, error);
        if (done && page.count == 0)
            page.is_truncated = false;
        if (done && page.is_truncated) {
            struct span last = page.entries[page.count - 1].key;
            memcpy(after, last.data, last.size);
            after_size = last.size;
        }
        arena_free(&arena);
    }
    return done;
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
