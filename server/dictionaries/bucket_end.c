/* server/dictionaries/bucket_end.c -- dictionaries out, bucket away, or dictionaries back. */
#include "server/dictionaries/bucket_end.h"

#include "runtime/log/log.h"
#include "server/dictionaries/fetch.h"
#include "server/dictionaries/store.h"
#include "server/dictionaries/table.h"

#include <string.h>

enum { PAGE_ENTRIES = 256, PAGE_BYTES_MAX = 1 << 20, ASIDE_BYTES_MAX = 64 << 20 };

/* Of one version each, all one after the other. */
struct aside {
    struct buffer bytes;
    size_t sizes[PAGE_ENTRIES];
    unsigned count;
};

/* All that is left of a bucket. Of a list of keys the entries name no version: what is current is meant. */
SUSPENDS static bool list_all(struct bucket_store *store, struct span bucket, struct arena *arena,
                              struct list_page *ret_page)
{
    struct error error;
    const struct version_list_request versions = {.bucket = bucket, .entries_max = PAGE_ENTRIES};
    const struct list_request keys = {.bucket = bucket, .entries_max = PAGE_ENTRIES};
    const struct list_request hidden = {
        .bucket = bucket, .prefix = DICTIONARY_KEY_PREFIX, .entries_max = PAGE_ENTRIES, .is_reserved_listed = true};
    bool has_versions = store->capabilities.has_versions;
    bool is_listed = has_versions ? bucket_list_versions(store, &versions, arena, ret_page, &error)
                                  : bucket_list(store, &keys, arena, ret_page, &error);
    if (is_listed && ret_page->count == 0) {
        has_versions = false;
        is_listed = bucket_list(store, &hidden, arena, ret_page, &error);
    }
    for (unsigned i = 0; is_listed && !has_versions && i < ret_page->count; i++)
        ret_page->entries[i].version[0] = '\0';
    return is_listed;
}

/* Nothing but dictionaries, which fit into a page? Then that page. */
SUSPENDS static bool list_dictionaries(struct bucket_store *store, struct span bucket, struct arena *arena,
                                       struct list_page *ret_page)
{
    if (!list_all(store, bucket, arena, ret_page) || ret_page->is_truncated)
        return false;
    for (unsigned i = 0; i < ret_page->count; i++) {
        if (!span_starts_with(ret_page->entries[i].key, DICTIONARY_KEY_PREFIX))
            return false;
    }
    return ret_page->count > 0;
}

/* What is no sound dictionary, or a marker, is kept by nobody. */
SUSPENDS static void keep(struct bucket_store *store, struct span bucket, const struct list_entry *entry,
                          struct aside *aside)
{
    struct error error;
    size_t before = aside->bytes.size;
    struct span id = span_skip(entry->key, DICTIONARY_KEY_PREFIX.size);
    if (entry->is_delete_marker || !dictionary_fetch(store, bucket, id, &aside->bytes, &error))
        return;
    aside->sizes[aside->count++] = aside->bytes.size - before;
}

SUSPENDS static void take_out(struct bucket_store *store, struct span bucket, const struct list_page *page,
                              struct aside *aside)
{
    struct error error;
    for (unsigned i = 0; i < page->count; i++) {
        const struct list_entry *entry = &page->entries[i];
        struct delete_item item = {.key = entry->key, .version = span_from_string(entry->version)};
        keep(store, bucket, entry, aside);
        (void)bucket_delete_objects(store, bucket, &item, 1, &error); /* what is left keeps the bucket */
    }
}

SUSPENDS static void put_back(struct bucket_store *store, struct span bucket, const struct aside *aside)
{
    struct error error;
    struct span rest = buffer_span(&aside->bytes);
    for (unsigned i = 0; i < aside->count; i++) {
        if (!dictionary_put(store, bucket, span_take(rest, aside->sizes[i]), &error))
            log_message(LOG_ERROR, "%.*s was not deleted, and lacks a dictionary now: %s", SPAN_FORMAT(bucket),
                        error.message);
        rest = span_skip(rest, aside->sizes[i]);
    }
}

SUSPENDS bool dictionaries_end_with_bucket(struct bucket_store *store, struct span bucket, struct error *error)
{
    struct arena arena;
    struct list_page page;
    struct aside aside = {0};
    if (bucket_delete(store, bucket, error))
        return true;
    if (error->kind != ERROR_CONFLICT)
        return false;
    arena_init(&arena, PAGE_BYTES_MAX);
    buffer_init(&aside.bytes, ASIDE_BYTES_MAX);
    bool done = false;
    if (list_dictionaries(store, bucket, &arena, &page)) {
        take_out(store, bucket, &page, &aside);
        done = bucket_delete(store, bucket, error);
        if (!done)
            put_back(store, bucket, &aside);
    }
    buffer_free(&aside.bytes);
    arena_free(&arena);
    return done;
}
