/* store/remote/lists/list.c -- a page of keys: the backend's lists, and what is known of each key beside them. */
#include "runtime/base/assert.h"
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/ledger/counting.h"
#include "store/remote/lists/page.h"
#include "store/remote/store.h"

#include <limits.h>
#include <stdlib.h>

enum { PAGE_ARENA_BYTES = 24 << 20, PAGES_MAX = 10000 };

struct listing {
    struct remote *remote;
    struct remote_shard *shard;
    const struct list_request *request;
    struct span bucket;        /* the backend's */
    struct buffer prefix;      /* ... with that of the home bucket */
    struct buffer after;       /* where the next request goes on, as clients name it */
    struct buffer after_whole; /* ... as the backend does */
    struct buffer token;       /* the backend's, for one that does not know `start-after` */
    struct buffer last_prefix; /* the common prefix that was met last */
    struct buffer last_key;    /* the entry that was added last */
    struct arena arena;        /* of one page of the backend */
    struct s3_list_page page;
    struct listed *listed;
    unsigned listed_count;

    struct arena *to; /* the caller's */
    struct list_entry *entries;
    struct unknown_entry {
        unsigned place;
        char etag[STORED_ETAG_TEXT_BYTES];
    } * unknown; /* keys whose attributes must be asked for */
    unsigned unknown_count;
    unsigned count;
    unsigned wanted;
    bool ignores_after; /* the backend lists from the beginning, whatever it is asked */
    bool is_more;       /* an entry beyond the wanted ones was met */
    struct error error;
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
}

/* ---- one page of the backend ---- */

SUSPENDS static bool fetch_page(struct listing *listing, struct error *error)
{
    struct remote *remote = listing->remote;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = listing->bucket, .repeat = S3_REPEAT};
    buffer_clear(&listing->after_whole);
    if (listing->after.size > 0) {
        buffer_append(&listing->after_whole, remote->prefix);
        buffer_append(&listing->after_whole, buffer_span(&listing->after));
    }
    const struct s3_list_request request = {
        .prefix = buffer_span(&listing->prefix),
        .delimiter = listing->request->delimiter,
        .after = listing->token.size > 0 ? SPAN_EMPTY : buffer_span(&listing->after_whole),
        .continuation = buffer_span(&listing->token),
        .entries_max = listed_ask(listing->wanted - listing->count),
        .wants_metadata = verdict_holds(&remote->verdicts, VERDICT_LIST_METADATA),
    };
    arena_reset(&listing->arena);
    bool done = s3_client_list_objects(listing->shard->client, &call, &request, &listing->arena, &listing->page,
                                       &answer, error);
    return remote_answered(listing->shard, S3_LIST_OBJECTS, &answer, done, error);
}

static bool is_before(struct listing *listing, const struct s3_list_entry *entry)
{
    bool is_it = !entry->is_prefix && span_compare(entry->key, buffer_span(&listing->after_whole)) <= 0;
    listing->ignores_after = listing->ignores_after || is_it;
    return is_it;
}

/* Where to go on: behind the last key, or by the backend's token where it knows nothing else. */
static void go_on(struct listing *listing)
{
    buffer_clear(&listing->token);
    if (listing->listed_count > 0 && listing->request->is_reserved_listed) {
        buffer_clear(&listing->after);
        buffer_append(&listing->after, listing->listed[listing->listed_count - 1].key);
    } else if (listing->listed_count > 0) {
        listed_behind(&listing->listed[listing->listed_count - 1], &listing->after);
    }
    if (listing->ignores_after)
        buffer_append(&listing->token, listing->page.continuation);
}

/* In key order, as clients name the keys. */
static bool sort_page(struct listing *listing, struct error *error)
{
    const struct s3_list_page *page = &listing->page;
    size_t prefix_bytes = listing->remote->prefix.size;
    listing->listed = arena_allocate(&listing->arena, (page->count + 1) * sizeof *listing->listed);
    listing->listed_count = 0;
    if (listing->listed == NULL)
        return no_memory(error);
    for (unsigned i = 0; i < page->count; i++) {
        const struct s3_list_entry *entry = &page->entries[i];
        if (!span_starts_with(entry->key, buffer_span(&listing->prefix)) || entry->key.size <= prefix_bytes ||
            entry->key.size - prefix_bytes > OBJECT_KEY_BYTES_MAX || is_before(listing, entry))
            continue; /* what was not asked for */
        listing->listed[listing->listed_count++] =
            (struct listed){.key = span_skip(entry->key, prefix_bytes), .is_prefix = entry->is_prefix, .source = i};
    }
    listed_sort(listing->listed, listing->listed_count);
    return true;
}

/* ---- entries ---- */

static void fill_owner(struct listing *listing, struct list_entry *entry, struct span owner)
{
    if (!listing->request->wants_owners || owner.size == 0)
        return;
    entry->owner = arena_copy(listing->to, owner);
    if (entry->owner.data == NULL)
        (void)no_memory(&listing->error);
}

static void fill_from_attributes(struct list_entry *entry, const struct object_attributes *attributes)
{
    entry->original_size = attributes->original_size;
    memcpy(entry->etag, attributes->etag, sizeof entry->etag);
    entry->checksum_algorithm = attributes->checksum.algorithm;
    entry->checksum_type = attributes->checksum.type;
}

/* As the backend's list has it, which is said first, or as the stamp. */
static void fill_class(struct listing *listing, struct list_entry *entry, struct span storage_class)
{
    struct span shown = fields_shown_class(entry->storage_class, storage_class);
    if (storage_class.size == 0 || span_equal(storage_class, SPAN("STANDARD")) ||
        span_equal(shown, entry->storage_class))
        return;
    entry->storage_class = arena_copy(listing->to, shown);
    if (entry->storage_class.data == NULL)
        (void)no_memory(&listing->error);
}

/* Equal bytes that another account has written may have the same ETag: who is asked whose they are goes by the time,
 * too. That of a row is our own clock's until the backend has said it. */
static bool is_of_owner(const struct listing *listing, const struct list_entry *entry, const struct row *row)
{
    return !listing->request->wants_owners || row->attributes.modified_ms / 1000 == entry->modified_ms / 1000;
}

/* What the backend's list says of an object is a word on its ETag: the row with the same one holds. */
static bool fill_from_row(struct listing *listing, struct list_entry *entry, struct span etag)
{
    uint8_t key[ROW_KEY_BYTES];
    struct row row;
    row_key(listing->request->bucket, entry->key, key);
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

/* A backend that lists metadata spares the HEADs. */
static bool fill_from_metadata(struct listing *listing, struct list_entry *entry, const struct s3_list_entry *source)
{
    struct buffer metadata = {0};
    struct backend_object object;
    struct error ignored;
    struct row row;
    struct http_field *fields =
        source->has_metadata ? arena_allocate(&listing->arena, (source->metadata_count + 1) * sizeof *fields) : NULL;
    if (fields == NULL)
        return false;
    memcpy(fields, source->metadata, source->metadata_count * sizeof *fields);
    fields[source->metadata_count] = (struct http_field){SPAN("etag"), source->etag};
    uint8_t key[ROW_KEY_BYTES];
    row_key(listing->request->bucket, entry->key, key);
    bool done = fields_decode(fields, source->metadata_count + 1, source->size, key, &metadata, &object, &ignored);
    if (done)
        remote_lift_veil(listing->remote, &object.attributes);
    done = done && object.attributes.etag[0] != '\0' && !object.stamp.is_tombstone; /* which is looked at */
    object.attributes.modified_ms = source->modified_ms;
    if (done && row_of(&object, false, &row)) {
        row.is_counted = counting_counts(listing->shard->remote, key, &object);
        rows_put(listing->shard->rows, key, &row);
        entry->modified_ms = row_shown_ms(&row, entry->modified_ms);
        fill_from_attributes(entry, &object.attributes);
        fill_owner(listing, entry, object.attributes.owner);
        fill_class(listing, entry, span_from_string(object.stamp.storage_class));
    } else {
        done = false;
    }
    buffer_free(&metadata);
    return done;
}

static bool add_entry(struct listing *listing, const struct listed *listed, struct error *error)
{
    const struct s3_list_entry *source = &listing->page.entries[listed->source];
    struct list_entry *entry = &listing->entries[listing->count];
    bool is_weak;
    *entry = (struct list_entry){
        .is_prefix = listed->is_prefix, .is_latest = !listed->is_prefix, .key = arena_copy(listing->to, listed->key)};
    if (entry->key.data == NULL)
        return no_memory(error);
    if (!listed->is_prefix) {
        struct span etag = fields_plain_etag(source->etag, &is_weak);
        entry->modified_ms = source->modified_ms;
        entry->original_size = source->size;
        fill_class(listing, entry, source->storage_class);
        memcpy(entry->version, "null", sizeof "null");
        if (etag.size >= STORED_ETAG_TEXT_BYTES)
            return remote_nonsense("ListObjectsV2: an ETag of more than 128 characters", error);
        if (!fill_from_row(listing, entry, etag) && !fill_from_metadata(listing, entry, source)) {
            struct unknown_entry *unknown = &listing->unknown[listing->unknown_count++];
            unknown->place = listing->count;
            memcpy(unknown->etag, etag.data, etag.size);
            unknown->etag[etag.size] = '\0';
        }
    }
    listing->count++;
    buffer_clear(&listing->last_key);
    buffer_append(&listing->last_key, listed->key);
    return true;
}

/* Is there a key under the common prefix that is not reserved? */
SUSPENDS static bool has_visible(struct listing *listing, struct span prefix, bool *ret_is_visible, struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct list_request request = {.bucket = listing->request->bucket, .prefix = prefix, .entries_max = 1};
    arena_init(&arena, PAGE_ARENA_BYTES);
    bool done = remote_list(&listing->remote->base, &request, &arena, &page, error);
    *ret_is_visible = done && page.count > 0;
    arena_free(&arena);
    return done;
}

SUSPENDS static bool take(struct listing *listing, const struct listed *listed, struct error *error)
{
    enum listed_fate fate = listed_decide(listed, listing->request->after, buffer_span(&listing->last_prefix));
    bool is_visible = fate == LISTED_SHOWN || (listing->request->is_reserved_listed && !listed->is_prefix);
    if (fate == LISTED_DOUBTFUL && !has_visible(listing, listed->key, &is_visible, error))
        return false;
    if (listed->is_prefix) {
        buffer_clear(&listing->last_prefix);
        buffer_append(&listing->last_prefix, listed->key);
    }
    if (!is_visible)
        return true;
    if (listing->count == listing->wanted) {
        listing->is_more = true;
        return true;
    }
    return add_entry(listing, listed, error);
}

/* ---- what is seen for the first time ---- */

static void look_at(void *context, unsigned index)
{
    struct listing *listing = context;
    struct unknown_entry *unknown = &listing->unknown[index];
    struct list_entry *entry = &listing->entries[unknown->place];
    struct remote_key key;
    struct remote_state state;
    struct error error;
    const struct object_name name = {.bucket = listing->request->bucket, .key = entry->key};
    unknown->place = UINT_MAX;
    if (listing->error.kind != ERROR_NONE)
        return;
    if (!remote_key_init(listing->remote, &name, &key, &error) || !remote_look(&key, LOOK_FOR_WHOLE, &state, &error)) {
        if (error.kind != ERROR_UNSUPPORTED) /* a codec that nobody knows: its size is what the list says */
            listing->error = error;
        return;
    }
    if (!state.is_there) {
        entry->key = SPAN_EMPTY; /* it vanished meanwhile */
    } else {
        fill_from_attributes(entry, &state.object.attributes);
        fill_owner(listing, entry, state.object.attributes.owner);
        fill_class(listing, entry, span_from_string(state.object.stamp.storage_class));
        bool is_another = strcmp(unknown->etag, state.object.attributes.stored_etag) != 0;
        if (is_another || state.object.stamp.kept_ms != 0)
            entry->modified_ms = backend_object_shown_ms(&state.object);
    }
    remote_state_free(key.shard, &state);
}

SUSPENDS static bool look_at_unknown(struct listing *listing, struct error *error)
{
    parallel_run(listing->unknown_count, HEADS_AT_ONCE, look_at, listing);
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

SUSPENDS static bool gather(struct listing *listing, struct error *error)
{
    for (unsigned pages = 0; pages < PAGES_MAX; pages++) {
        if (!fetch_page(listing, error) || !sort_page(listing, error))
            return false;
        for (unsigned i = 0; i < listing->listed_count && !listing->is_more; i++) {
            if (!take(listing, &listing->listed[i], error))
                return false;
        }
        bool is_full = listing->count == listing->wanted;
        bool is_stuck = listing->listed_count == 0 && listing->page.continuation.size == 0;
        if (listing->is_more || !listing->page.is_truncated || is_stuck)
            return true;
        if (is_full && listing->listed_count >= LIST_ENTRIES_MAX) { /* to know it would cost a request */
            listing->is_more = true;
            return true;
        }
        go_on(listing);
        fiber_yield_if_due();
    }
    return remote_nonsense("ListObjectsV2: its pages have no end", error);
}

/* Keys may vanish before they are looked at; then those behind them fill the page. */
SUSPENDS static bool gather_known(struct listing *listing, struct error *error)
{
    do {
        if (listing->is_more) {
            buffer_clear(&listing->after);
            buffer_append(&listing->after, buffer_span(&listing->last_key));
        }
        listing->is_more = false;
        listing->unknown_count = 0;
        if (!gather(listing, error) || !look_at_unknown(listing, error))
            return false;
    } while (listing->count < listing->wanted && listing->is_more);
    return true;
}

static bool begin(struct listing *listing, struct bucket_store *store, const struct list_request *request,
                  struct arena *arena, struct error *error)
{
    *listing = (struct listing){.remote = remote_of(store), .request = request, .to = arena};
    listing->shard = remote_shard_here(listing->remote);
    listing->wanted = request->entries_max;
    arena_init(&listing->arena, PAGE_ARENA_BYTES);
    if (!remote_bucket(listing->remote, request->bucket, &listing->bucket, error))
        return false;
    buffer_append(&listing->prefix, listing->remote->prefix);
    buffer_append(&listing->prefix, request->prefix);
    buffer_append(&listing->after, request->after);
    listing->entries = arena_allocate(arena, (request->entries_max + 1) * sizeof *listing->entries);
    listing->unknown = malloc((request->entries_max + 1) * sizeof *listing->unknown);
    return (listing->entries != NULL && listing->unknown != NULL) || no_memory(error);
}

static void end(struct listing *listing)
{
    buffer_free(&listing->prefix);
    buffer_free(&listing->after);
    buffer_free(&listing->after_whole);
    buffer_free(&listing->token);
    buffer_free(&listing->last_prefix);
    buffer_free(&listing->last_key);
    arena_free(&listing->arena);
    free(listing->unknown);
}

static bool is_hidden_altogether(const struct list_request *request)
{
    return request->entries_max == 0 ||
           (!request->is_reserved_listed && name_behind_reserved(request->prefix).size > 0);
}

SUSPENDS bool remote_list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error)
{
    struct listing listing;
    bool done = begin(&listing, store, request, arena, error);
    if (done && !is_hidden_altogether(request))
        done = gather_known(&listing, error);
    if (done)
        *ret_page =
            (struct list_page){.entries = listing.entries, .count = listing.count, .is_truncated = listing.is_more};
    end(&listing);
    return done;
}
