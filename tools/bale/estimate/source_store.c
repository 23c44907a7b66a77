/* tools/bale/estimate/source_store.c -- Bale's store in a folder, through snapshots: a server may have it open. */
#include "server/dictionaries/table.h"
#include "server/object/object.h"
#include "store/walk.h"
#include "tools/bale/estimate/source.h"
#include "tools/bale/session/session.h"

#include <stdlib.h>
#include <string.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000, DICTIONARY_MEMORY = 64 << 20, ATTRIBUTES_BYTES = 256 << 10 };

/* A server cannot use again what it frees while a snapshot is held. */
#define SNAPSHOT_NS UINT64_C(5000000000)

struct store {
    struct estimate_source base; /* first */
    const char *folder;
    const char *bucket;
    const char *prefix;
    struct bucket_store *snapshot; /* NULL: none is held */
    uint64_t taken_ns;
    struct dictionary_table *dictionaries;
    struct object_codecs *codecs; /* of the snapshot */
};

static void release(struct store *store)
{
    object_codecs_destroy(store->codecs);
    if (store->snapshot != NULL)
        embedded_close(store->snapshot);
    store->codecs = NULL;
    store->snapshot = NULL;
}

SUSPENDS static bool hold(struct store *store, struct error *error)
{
    uint64_t now_ns = clock_monotonic_ns(clock_system());
    if (store->snapshot != NULL && now_ns - store->taken_ns < SNAPSHOT_NS)
        return true;
    if (store->snapshot != NULL)
        release(store);
    store->snapshot = embedded_open_snapshot(store->folder, error);
    if (store->snapshot == NULL)
        return false;
    const struct object_settings settings = {.frame_buffers_max = FRAME_BUFFERS,
                                             .wait_ms = WAIT_MS,
                                             .dictionaries = store->dictionaries,
                                             .store = store->snapshot};
    store->taken_ns = now_ns;
    store->codecs = object_codecs_create(&settings);
    return true;
}

/* ---- listing ---- */

struct listing {
    struct store *store;
    struct population *population;
    uint64_t objects_max;
    bool is_all;
    char name[BUCKET_NAME_BYTES_MAX + 1 + OBJECT_KEY_BYTES_MAX]; /* BUCKET/KEY */
};

SUSPENDS static bool visit(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error)
{
    struct listing *listing = context;
    struct population *population = listing->population;
    struct object_attributes attributes;
    struct arena arena;
    listing->is_all = population->count < listing->objects_max;
    if (!listing->is_all)
        return error_set(error, ERROR_TOO_LARGE, NULL, "there are more objects");
    arena_init(&arena, ATTRIBUTES_BYTES);
    bool done = !entry->is_damaged && bucket_head(listing->store->snapshot, name, &arena, &attributes, error);
    arena_free(&arena);
    if (!done) /* damaged; bale check says more */
        return true;
    memcpy(listing->name, name->bucket.data, name->bucket.size);
    listing->name[name->bucket.size] = '/';
    memcpy(listing->name + name->bucket.size + 1, name->key.data, name->key.size);
    population_add(population, span_of(listing->name, name->bucket.size + 1 + name->key.size), attributes.original_size,
                   attributes.stored_size + attributes.sidecar_size, SPAN_EMPTY,
                   attributes.is_encrypted || attributes.seal.size > 0);
    return true;
}

SUSPENDS static bool list(struct estimate_source *source, struct population *population, uint64_t objects_max,
                          bool *ret_is_all, struct error *error)
{
    struct store *store = (struct store *)source;
    struct listing *listing = malloc(sizeof *listing);
    if (listing == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory");
    *listing = (struct listing){store, population, objects_max, .is_all = true};
    const struct walk walk = {.bucket = store->bucket, .prefix = store->prefix, .visit = visit, .context = listing};
    bool done = hold(store, error) && (walk_objects(store->snapshot, &walk, error) || !listing->is_all);
    *ret_is_all = listing->is_all;
    free(listing);
    release(store);
    return done;
}

/* ---- reading ---- */

SUSPENDS static bool read_pieces(struct object_reader *reader, uint8_t *bytes, size_t size, struct error *error)
{
    struct span piece = SPAN_EMPTY;
    size_t taken = 0;
    do {
        if (!object_reader_next(reader, &piece, error))
            return false;
        if (piece.size > size - taken)
            return error_set(error, ERROR_CHANGED, NULL, "it is another one by now");
        memcpy(bytes + taken, piece.data, piece.size);
        taken += piece.size;
    } while (piece.size > 0);
    return taken == size || error_set(error, ERROR_CHANGED, NULL, "it is another one by now");
}

SUSPENDS static bool read_object(struct store *store, const struct object_name *name,
                                 const struct population_frame *frame, uint8_t *bytes, struct error *error)
{
    struct bucket_object *object;
    struct object_reader *reader;
    const struct open_intent intent = {.extent = OPEN_RANGE, .first = frame->offset, .size = frame->size};
    if (!bucket_open(store->snapshot, name, &intent, &object, error))
        return false;
    bool done = object->attributes.original_size == frame->object->size ||
                error_set(error, ERROR_CHANGED, NULL, "it is another one by now");
    done = done && object_reader_begin(store->codecs, object, name, NULL, frame->offset, frame->size, &reader, error);
    if (done) {
        done = read_pieces(reader, bytes, frame->size, error);
        object_reader_end(reader);
    }
    bucket_close(object);
    return done;
}

SUSPENDS static bool read_frame(struct estimate_source *source, const struct population *population,
                                const struct population_frame *frame, uint8_t *ret_bytes,
                                enum source_reading *ret_reading, struct error *error)
{
    struct store *store = (struct store *)source;
    struct span whole = population_name(population, frame->object);
    size_t bucket_bytes = span_find(whole, '/');
    const struct object_name name = {.bucket = span_take(whole, bucket_bytes),
                                     .key = span_skip(whole, bucket_bytes + 1)};
    if (!hold(store, error))
        return false;
    *ret_reading = read_object(store, &name, frame, ret_bytes, error) ? SOURCE_READ : SOURCE_IS_GONE;
    return true;
}

SUSPENDS static void close_store(struct estimate_source *source)
{
    struct store *store = (struct store *)source;
    release(store);
    dictionary_table_destroy(store->dictionaries);
    free(store);
}

static const struct estimate_source_operations operations = {list, read_frame, close_store};

SUSPENDS struct estimate_source *source_open_store(const char *folder, const char *bucket, const char *prefix,
                                                   struct error *error)
{
    if (!session_find_folder(folder, error))
        return NULL;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "there is no memory");
        return NULL;
    }
    store->base = (struct estimate_source){.operations = &operations, .reads_at_once = 1, .takes_columns = true};
    store->folder = folder;
    store->bucket = bucket;
    store->prefix = prefix;
    store->dictionaries = dictionary_table_create(DICTIONARY_MEMORY);
    return &store->base;
}
