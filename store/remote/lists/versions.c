/* store/remote/lists/versions.c -- a page of versions and delete markers: the backend's lists, and what is known of
 * each version beside them. Which one is the latest, and in which order they were made, is the backend's word. */
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/lists/page.h"
#include "store/remote/store.h"

#include <stdlib.h>

enum { PAGE_ARENA_BYTES = 24 << 20, PAGES_MAX = 10000 };

struct version_listing {
    struct remote *remote;
    struct remote_shard *shard;
    const struct version_list_request *request;
    struct span bucket;        /* the backend's */
    struct buffer prefix;      /* ... with that of the home bucket */
    struct buffer after;       /* where the next request goes on: a key as clients name it, */
    struct buffer version;     /* and the version of it; empty: behind all of them */
    int64_t version_ms;        /* when that was made, where the backend forgets_versions; 0: not known */
    struct buffer after_whole; /* the key as the backend names it */
    struct buffer last_prefix; /* the common prefix that was met last */
    struct buffer newer_key;   /* the key of the entry before, */
    int64_t newer_ms;          /* and when that was made; 0: not known */
    struct arena arena;        /* of one page of the backend */
    struct s3_versions_page page;
    struct listed *listed;
    unsigned listed_count;
    unsigned taken; /* of those */

    struct arena *to; /* the caller's */
    struct list_entry *entries;
    unsigned count;
    unsigned wanted;
    bool is_more; /* an entry beyond the wanted ones was met */
    unsigned *unknown;
    unsigned unknown_count; /* places of versions whose attributes must be asked for */
    struct error error;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

/* ---- one page of the backend ---- */

SUSPENDS static bool fetch_page(struct version_listing *listing, struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.bucket = listing->bucket, .repeat = S3_REPEAT};
    buffer_clear(&listing->after_whole);
    if (listing->after.size > 0) {
        buffer_append(&listing->after_whole, listing->remote->prefix);
        buffer_append(&listing->after_whole, buffer_span(&listing->after));
    }
    const struct s3_versions_request request = {
        .prefix = buffer_span(&listing->prefix),
        .delimiter = listing->request->delimiter,
        .key_marker = buffer_span(&listing->after_whole),
        .version_marker = buffer_span(&listing->version),
        .entries_max = listed_ask(listing->wanted - listing->count),
    };
    arena_reset(&listing->arena);
    bool done = s3_client_list_versions(listing->shard->client, &call, &request, &listing->arena, &listing->page,
                                        &answer, error);
    return remote_answered(listing->shard, S3_LIST_VERSIONS, &answer, done, error);
}

/* In key order, as clients name the keys; those of one key as they came. */
static bool sort_page(struct version_listing *listing, struct error *error)
{
    const struct s3_versions_page *page = &listing->page;
    size_t prefix_bytes = listing->remote->prefix.size;
    listing->listed = arena_allocate(&listing->arena, (page->count + 1) * sizeof *listing->listed);
    listing->listed_count = 0;
    if (listing->listed == NULL)
        return no_memory(error);
    for (unsigned i = 0; i < page->count; i++) {
        const struct s3_version_entry *entry = &page->entries[i];
        if (!span_starts_with(entry->key, buffer_span(&listing->prefix)) || entry->key.size <= prefix_bytes ||
            entry->key.size - prefix_bytes > OBJECT_KEY_BYTES_MAX)
            continue; /* what was not asked for */
        listing->listed[listing->listed_count++] =
            (struct listed){.key = span_skip(entry->key, prefix_bytes), .is_prefix = entry->is_prefix, .source = i};
    }
    listed_sort(listing->listed, listing->listed_count);
    return true;
}

/* Behind a version that has gone some servers begin its key anew: what is newer than that one was listed already. */
static bool was_listed(const struct version_listing *listing, const struct listed *listed)
{
    return listing->version_ms != 0 && !listed->is_prefix && span_equal(listed->key, buffer_span(&listing->after)) &&
           listing->page.entries[listed->source].modified_ms > listing->version_ms;
}

/* Behind the last entry that was taken, be it hidden. */
static void go_on(struct version_listing *listing)
{
    const struct listed *last = &listing->listed[listing->taken - 1];
    const struct s3_version_entry *entry = &listing->page.entries[last->source];
    if (!was_listed(listing, last))
        listing->version_ms = listing->remote->base.capabilities.forgets_versions ? entry->modified_ms : 0;
    listed_behind(last, &listing->after);
    buffer_clear(&listing->version);
    if (!last->is_prefix && name_behind_reserved(last->key).size == 0)
        buffer_append(&listing->version, entry->version);
}

/* ---- entries ---- */

static void fill_from_attributes(struct list_entry *entry, const struct object_attributes *attributes)
{
    entry->original_size = attributes->original_size;
    memcpy(entry->etag, attributes->etag, sizeof entry->etag);
    entry->checksum_algorithm = attributes->checksum.algorithm;
    entry->checksum_type = attributes->checksum.type;
}

static void fill_owner(struct version_listing *listing, struct list_entry *entry, struct span owner)
{
    if (!listing->request->wants_owners || owner.size == 0)
        return;
    entry->owner = arena_copy(listing->to, owner);
    if (entry->owner.data == NULL)
        (void)no_memory(&listing->error);
}

/* As the backend's list has it, which is said first, or as the stamp. */
static void fill_class(struct version_listing *listing, struct list_entry *entry, struct span storage_class)
{
    struct span shown = fields_shown_class(entry->storage_class, storage_class);
    if (storage_class.size == 0 || span_equal(storage_class, SPAN("STANDARD")) ||
        span_equal(shown, entry->storage_class))
        return;
    entry->storage_class = arena_copy(listing->to, shown);
    if (entry->storage_class.data == NULL)
        (void)no_memory(&listing->error);
}

/* A copy of an object onto itself may keep the ETag, and is another one's: the null version can be such a copy. */
static bool is_of_owner(const struct version_listing *listing, const struct list_entry *entry, const struct row *row)
{
    return !listing->request->wants_owners || row->attributes.modified_ms / 1000 == entry->modified_ms / 1000;
}

static bool fill_from_row(struct version_listing *listing, struct list_entry *entry, struct span etag)
{
    uint8_t key[ROW_KEY_BYTES];
    struct row row;
    row_key(listing->request->bucket, entry->key, key);
    row_key_of_version(key, span_from_string(entry->version), key);
    bool found = rows_find(listing->shard->rows, key, &row) &&
                 span_equal(span_from_string(row.attributes.stored_etag), etag) &&
                 (remote_labels_hold(listing->remote) || row.was_said_before) && is_of_owner(listing, entry, &row);
    metric_add(found ? &listing->shard->counters.rows_found : &listing->shard->counters.rows_missed, 1);
    if (found) {
        entry->modified_ms = row_shown_ms(&row, entry->modified_ms);
        fill_from_attributes(entry, &row.attributes);
        fill_owner(listing, entry, span_from_string(row.owner));
        fill_class(listing, entry, span_from_string(row.storage_class));
    }
    return found;
}

/* Since when an entry is noncurrent: since the one before it was made. Such a one is never the first of its key, but
 * where a page begins behind a version of which nothing is known. */
static int64_t find_superseded(struct version_listing *listing, const struct listed *listed)
{
    const struct s3_version_entry *source = &listing->page.entries[listed->source];
    bool is_followed = span_equal(buffer_span(&listing->newer_key), listed->key);
    int64_t superseded_ms = !source->is_latest && is_followed ? listing->newer_ms : 0;
    buffer_clear(&listing->newer_key);
    buffer_append(&listing->newer_key, listed->key);
    listing->newer_ms = source->modified_ms;
    return superseded_ms;
}

static bool add_entry(struct version_listing *listing, const struct listed *listed, struct error *error)
{
    const struct s3_version_entry *source = &listing->page.entries[listed->source];
    struct list_entry *entry = &listing->entries[listing->count];
    bool is_weak;
    *entry = (struct list_entry){
        .is_prefix = listed->is_prefix,
        .is_latest = source->is_latest,
        .is_delete_marker = source->is_delete_marker,
        .original_size = source->size,
        .modified_ms = source->modified_ms,
        .superseded_ms = listed->is_prefix ? 0 : find_superseded(listing, listed),
        .key = arena_copy(listing->to, listed->key),
    };
    if (entry->key.data == NULL)
        return no_memory(error);
    if (!listed->is_prefix)
        memcpy(entry->version, source->version.data, source->version.size); /* bounded where it was read */
    if (!listed->is_prefix && !source->is_delete_marker)
        fill_class(listing, entry, source->storage_class);
    if (!listed->is_prefix && !source->is_delete_marker &&
        !fill_from_row(listing, entry, fields_plain_etag(source->etag, &is_weak)))
        listing->unknown[listing->unknown_count++] = listing->count;
    listing->count++;
    return true;
}

/* Is there a key under the common prefix that is not reserved? */
SUSPENDS static bool has_visible(struct version_listing *listing, struct span prefix, bool *ret_is_visible,
                                 struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct version_list_request request = {
        .bucket = listing->request->bucket, .prefix = prefix, .entries_max = 1};
    arena_init(&arena, PAGE_ARENA_BYTES);
    bool done = remote_list_versions(&listing->remote->base, &request, &arena, &page, error);
    *ret_is_visible = done && page.count > 0;
    arena_free(&arena);
    return done;
}

SUSPENDS static bool take(struct version_listing *listing, const struct listed *listed, struct error *error)
{
    if (was_listed(listing, listed))
        return true;
    enum listed_fate fate = listed_decide(listed, listing->request->after_key, buffer_span(&listing->last_prefix));
    bool is_visible = fate == LISTED_SHOWN;
    if (fate == LISTED_DOUBTFUL && !has_visible(listing, listed->key, &is_visible, error))
        return false;
    if (listed->is_prefix) {
        buffer_clear(&listing->last_prefix);
        buffer_append(&listing->last_prefix, listed->key);
    }
    if (!is_visible)
        return true;
    listing->is_more = listing->count == listing->wanted;
    return listing->is_more || add_entry(listing, listed, error);
}

/* ---- what is seen for the first time ---- */

static void look_at(void *context, unsigned index)
{
    struct version_listing *listing = context;
    struct list_entry *entry = &listing->entries[listing->unknown[index]];
    struct remote_key key;
    struct remote_state state;
    struct error error;
    const struct object_name name = {
        .bucket = listing->request->bucket, .key = entry->key, .version = span_from_string(entry->version)};
    if (listing->error.kind != ERROR_NONE)
        return;
    if (!remote_key_init(listing->remote, &name, &key, &error) || !remote_look(&key, LOOK_FOR_WHOLE, &state, &error)) {
        if (error.kind != ERROR_UNSUPPORTED) /* a codec that nobody knows: its size is what the list says */
            listing->error = error;
        return;
    }
    if (state.is_there) {
        fill_from_attributes(entry, &state.object.attributes);
        fill_owner(listing, entry, state.object.attributes.owner);
        fill_class(listing, entry, span_from_string(state.object.stamp.storage_class));
        if (state.object.stamp.kept_ms != 0)
            entry->modified_ms = backend_object_shown_ms(&state.object);
    } else {
        entry->key = SPAN_EMPTY; /* it vanished meanwhile */
    }
    remote_state_free(key.shard, &state);
}

SUSPENDS static bool look_at_unknown(struct version_listing *listing, struct error *error)
{
    parallel_run(listing->unknown_count, HEADS_AT_ONCE, look_at, listing);
    listing->unknown_count = 0;
    if (listing->error.kind != ERROR_NONE) {
        *error = listing->error;
        return false;
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < listing->count; i++) {
        if (listing->entries[i].key.size > 0)
            listing->entries[kept++] = listing->entries[i];
    }
    listing->count = kept;
    return true;
}

/* ---- the page that clients see ---- */

/* One page of the backend. *ret_is_end: nothing follows it. */
SUSPENDS static bool take_page(struct version_listing *listing, bool *ret_is_end, struct error *error)
{
    if (!fetch_page(listing, error) || !sort_page(listing, error))
        return false;
    for (listing->taken = 0; listing->taken < listing->listed_count; listing->taken++) {
        if (!take(listing, &listing->listed[listing->taken], error))
            return false;
        if (listing->is_more)
            break;
    }
    bool is_stuck = listing->page.is_truncated && listing->listed_count == 0;
    if (is_stuck)
        return remote_nonsense("ListObjectVersions: a page that is cut has nothing in it", error);
    *ret_is_end = !listing->page.is_truncated;
    return true;
}

/* Versions may vanish while they are looked at; then those behind them fill the page. */
SUSPENDS static bool gather(struct version_listing *listing, struct error *error)
{
    for (unsigned pages = 0; pages < PAGES_MAX; pages++) {
        bool is_end = false;
        if (!take_page(listing, &is_end, error) || !look_at_unknown(listing, error))
            return false;
        if (listing->is_more ? listing->count == listing->wanted : is_end)
            return true;
        listing->is_more = false;
        go_on(listing);
        fiber_yield_if_due();
    }
    return remote_nonsense("ListObjectVersions: its pages have no end", error);
}

static bool begin(struct version_listing *listing, struct bucket_store *store,
                  const struct version_list_request *request, struct arena *arena, struct error *error)
{
    *listing = (struct version_listing){.remote = remote_of(store), .request = request, .to = arena};
    listing->shard = remote_shard_here(listing->remote);
    listing->wanted = request->entries_max;
    arena_init(&listing->arena, PAGE_ARENA_BYTES);
    if (!remote_bucket(listing->remote, request->bucket, &listing->bucket, error))
        return false;
    buffer_append(&listing->prefix, listing->remote->prefix);
    buffer_append(&listing->prefix, request->prefix);
    buffer_append(&listing->after, request->after_key);
    buffer_append(&listing->version, request->after_version);
    if (request->after_version.size > 0) {
        buffer_append(&listing->newer_key, request->after_key);
        listing->newer_ms = request->after_modified_ms;
    }
    listing->version_ms = listing->remote->base.capabilities.forgets_versions ? request->after_modified_ms : 0;
    listing->entries = arena_allocate(arena, (request->entries_max + 1) * sizeof *listing->entries);
    listing->unknown = malloc((request->entries_max + 1) * sizeof *listing->unknown);
    return (listing->entries != NULL && listing->unknown != NULL) || no_memory(error);
}

static void end(struct version_listing *listing)
{
    buffer_free(&listing->prefix);
    buffer_free(&listing->after);
    buffer_free(&listing->version);
    buffer_free(&listing->after_whole);
    buffer_free(&listing->last_prefix);
    buffer_free(&listing->newer_key);
    arena_free(&listing->arena);
    free(listing->unknown);
}

SUSPENDS bool remote_list_versions(struct bucket_store *store, const struct version_list_request *request,
                                   struct arena *arena, struct list_page *ret_page, struct error *error)
{
    struct version_listing listing;
    bool is_hidden = request->entries_max == 0 || name_behind_reserved(request->prefix).size > 0;
    bool done = begin(&listing, store, request, arena, error) && (is_hidden || gather(&listing, error));
    if (done)
        *ret_page =
            (struct list_page){.entries = listing.entries, .count = listing.count, .is_truncated = listing.is_more};
    end(&listing);
    return done;
}
