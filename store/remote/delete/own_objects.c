/* store/remote/delete/own_objects.c -- lists of the store's own objects, and deletions of what they name.
 *
 * Of a key with versions the former ones go first: a marker that is removed while they are there would bring back what
 * was deleted. */
#include "store/remote/delete/own_objects.h"

#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"

enum { LIST_ARENA_BYTES = 24 << 20 };

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory to remove objects.");
}

static bool is_kept(const struct own_removal *removal, struct span key)
{
    return removal->kept.size > 0 && span_starts_with(span_skip(key, removal->prefix.size), removal->kept);
}

/* What cannot be removed now stays for another time; a backend that fails ends it. */
SUSPENDS static bool send(const struct own_removal *removal, struct s3_delete_item *items, unsigned count,
                          struct error *error)
{
    struct s3_answer answer;
    const struct http_field bypass = {SPAN("x-amz-bypass-governance-retention"), SPAN("true")};
    const struct s3_call call = {.bucket = removal->bucket,
                                 .headers = &bypass,
                                 .headers_count = removal->may_be_locked ? 1 : 0,
                                 .repeat = S3_REPEAT};
    if (count == 0)
        return true;
    bool done = s3_client_delete_objects(removal->shard->client, &call, items, count, &answer, error);
    return remote_answered(removal->shard, S3_DELETE_OBJECTS, &answer, done, error);
}

/* ---- without versions ---- */

/* Removes what the page has. *ret_count: how much that was. */
SUSPENDS static bool remove_page(const struct own_removal *removal, const struct s3_list_page *page,
                                 struct arena *arena, unsigned *ret_count, struct error *error)
{
    struct s3_delete_item *items = arena_allocate(arena, (page->count + 1) * sizeof *items);
    *ret_count = 0;
    if (items == NULL)
        return no_memory(error);
    for (unsigned i = 0; i < page->count; i++) {
        if (!is_kept(removal, page->entries[i].key))
            items[(*ret_count)++] = (struct s3_delete_item){.key = page->entries[i].key};
    }
    return send(removal, items, *ret_count, error);
}

SUSPENDS bool own_objects_remove_plain(const struct own_removal *removal, struct error *error)
{
    const struct s3_call call = {.bucket = removal->bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = removal->prefix};
    struct arena arena;
    struct s3_list_page page = {.is_truncated = true};
    unsigned count = 1;
    bool done = true;
    arena_init(&arena, LIST_ARENA_BYTES);
    while (done && page.is_truncated && count > 0) {
        struct s3_answer answer;
        arena_reset(&arena);
        done = s3_client_list_objects(removal->shard->client, &call, &request, &arena, &page, &answer, error);
        done = remote_answered(removal->shard, S3_LIST_OBJECTS, &answer, done, error) &&
               remove_page(removal, &page, &arena, &count, error);
    }
    arena_free(&arena);
    return done;
}

/* ---- with versions ---- */

/* Which versions one walk over all of them removes. */
enum walk {
    WALK_FORMER,       /* those that are not current */
    WALK_LONE_MARKERS, /* markers that nothing is left behind */
    WALK_ALL,
};

/* The last entry of a page may have others behind it. */
static bool is_lone_marker(const struct s3_versions_page *page, unsigned index)
{
    const struct s3_version_entry *entry = &page->entries[index];
    bool is_last = index + 1 == page->count;
    return entry->is_delete_marker && entry->is_latest &&
           (is_last ? !page->is_truncated : !span_equal(page->entries[index + 1].key, entry->key));
}

static bool is_meant(const struct s3_versions_page *page, unsigned index, enum walk walk)
{
    if (walk == WALK_LONE_MARKERS)
        return is_lone_marker(page, index);
    return walk == WALK_ALL || !page->entries[index].is_latest;
}

SUSPENDS static bool remove_versions(const struct own_removal *removal, const struct s3_versions_page *page,
                                     enum walk walk, struct arena *arena, struct error *error)
{
    unsigned count = 0;
    struct s3_delete_item *items = arena_allocate(arena, (page->count + 1) * sizeof *items);
    if (items == NULL)
        return no_memory(error);
    for (unsigned i = 0; i < page->count; i++) {
        const struct s3_version_entry *entry = &page->entries[i];
        if (!entry->is_prefix && is_meant(page, i, walk) && !is_kept(removal, entry->key))
            items[count++] = (struct s3_delete_item){.key = entry->key, .version = entry->version};
    }
    return send(removal, items, count, error);
}

SUSPENDS static bool walk_versions(const struct own_removal *removal, enum walk walk, struct error *error)
{
    const struct s3_call call = {.bucket = removal->bucket, .repeat = S3_REPEAT};
    struct buffer key = {0};
    struct buffer version = {0};
    struct arena arena;
    struct s3_versions_page page = {.is_truncated = true};
    bool done = true;
    arena_init(&arena, LIST_ARENA_BYTES);
    while (done && page.is_truncated) {
        struct s3_answer answer;
        const struct s3_versions_request request = {
            .prefix = removal->prefix, .key_marker = buffer_span(&key), .version_marker = buffer_span(&version)};
        arena_reset(&arena);
        done = s3_client_list_versions(removal->shard->client, &call, &request, &arena, &page, &answer, error);
        done = remote_answered(removal->shard, S3_LIST_VERSIONS, &answer, done, error) &&
               remove_versions(removal, &page, walk, &arena, error);
        buffer_clear(&key);
        buffer_clear(&version);
        if (done) {
            buffer_append(&key, page.next_key_marker);
            buffer_append(&version, page.next_version_marker);
        }
        done = done && (!page.is_truncated || key.size > 0 ||
                        remote_nonsense("ListObjectVersions: a page that is cut names no marker", error));
    }
    arena_free(&arena);
    buffer_free(&key);
    buffer_free(&version);
    return done;
}

SUSPENDS bool own_objects_remove_versions(const struct own_removal *removal, struct error *error)
{
    return walk_versions(removal, WALK_FORMER, error) && walk_versions(removal, WALK_ALL, error);
}

SUSPENDS bool own_objects_remove(const struct own_removal *removal, struct error *error)
{
    enum bucket_versioning versioning;
    if (!remote_ask_versioning(removal->shard, removal->bucket, &versioning, error))
        return false;
    if (versioning == VERSIONING_NEVER)
        return own_objects_remove_plain(removal, error);
    return own_objects_remove_versions(removal, error);
}

SUSPENDS bool own_objects_remove_former(const struct own_removal *removal, struct error *error)
{
    return walk_versions(removal, WALK_FORMER, error) && walk_versions(removal, WALK_LONE_MARKERS, error);
}
