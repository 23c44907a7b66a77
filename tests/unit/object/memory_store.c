/* tests/unit/object/memory_store.c -- a bucket_store in memory. */
#include "tests/unit/object/memory_store.h"

#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/bucket_operations.h"
#include "store/frames.h"

#include <stdio.h>
#include <stdlib.h>

struct bucket_writer {
    const struct bucket_store *store; /* first, as bucket.c expects it */
    char key[128];
    struct buffer body;
};

static struct memory_store *memory_of(const struct bucket_store *store)
{
    return (struct memory_store *)(uintptr_t)store;
}

static void copy_key(struct span key, char to[128])
{
    ASSERT(key.size < 128);
    memcpy(to, key.data, key.size);
    to[key.size] = 0;
}

static void let_go(struct memory_object *object)
{
    if (--object->holders > 0)
        return;
    buffer_free(&object->body);
    buffer_free(&object->sidecar);
    buffer_free(&object->metadata);
    buffer_free(&object->seal);
    free(object);
}

static void forget(struct memory_object *object)
{
    list_remove(&object->link);
    let_go(object);
}

struct memory_object *memory_store_find(struct memory_store *store, const char *key)
{
    for (struct list_link *link = store->objects.next; link != &store->objects; link = link->next) {
        struct memory_object *object = LIST_ELEMENT(link, struct memory_object, link);
        if (strcmp(object->key, key) == 0)
            return object;
    }
    return NULL;
}

struct memory_object *memory_store_put(struct memory_store *store, const char *key,
                                       const struct object_attributes *attributes, struct span body,
                                       struct span sidecar)
{
    struct memory_object *before = memory_store_find(store, key);
    if (before != NULL)
        forget(before);
    struct memory_object *object = calloc(1, sizeof *object);
    ASSERT(object != NULL);
    copy_key(span_from_string(key), object->key);
    object->attributes = *attributes;
    buffer_append(&object->body, body);
    buffer_append(&object->sidecar, sidecar);
    buffer_append(&object->metadata, attributes->metadata);
    object->attributes.metadata = buffer_span(&object->metadata);
    buffer_append(&object->seal, attributes->seal);
    object->attributes.seal = buffer_span(&object->seal);
    object->attributes.stored_size = body.size;
    object->attributes.sidecar_size = sidecar.size;
    if (object->attributes.stored_etag[0] == 0)
        (void)snprintf(object->attributes.stored_etag, STORED_ETAG_TEXT_BYTES, "memory-%u", ++store->revision);
    object->holders = 1;
    list_append(&store->objects, &object->link);
    return object;
}

/* ---- writing ---- */

SUSPENDS static bool begin(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error)
{
    (void)error;
    struct bucket_writer *writer = calloc(1, sizeof *writer);
    ASSERT(writer != NULL);
    writer->store = store;
    copy_key(intent->name.key, writer->key);
    memory_of(store)->writers++;
    *ret_writer = writer;
    return true;
}

static void dispose(struct bucket_writer *writer)
{
    memory_of(writer->store)->writers--;
    buffer_free(&writer->body);
    free(writer);
}

SUSPENDS static bool write_bytes(struct bucket_writer *writer, struct span bytes, struct error *error)
{
    struct memory_store *store = memory_of(writer->store);
    fiber_yield();
    if (store->writes_until_full == 0)
        return error_set(error, ERROR_FULL, S3_InsufficientStorage, "the memory store is full");
    store->writes_until_full--;
    buffer_append(&writer->body, bytes);
    return true;
}

SUSPENDS static bool commit(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    struct memory_store *store = memory_of(writer->store);
    fiber_yield();
    struct memory_object *before = memory_store_find(store, writer->key);
    bool holds = result->condition == NULL ||
                 write_condition_holds(result->condition, before == NULL ? NULL : &before->attributes, error);
    if (holds) {
        ASSERT(result->attributes->stored_size == writer->body.size);
        struct buffer sidecar = {0};
        frames_append_sidecar(result->frames, &sidecar);
        struct memory_object *object =
            memory_store_put(store, writer->key, result->attributes, buffer_span(&writer->body), buffer_span(&sidecar));
        buffer_free(&sidecar);
        *ret_attributes = object->attributes;
        ret_attributes->metadata = SPAN_EMPTY;
    }
    dispose(writer);
    return holds;
}

SUSPENDS static void abort_write(struct bucket_writer *writer)
{
    dispose(writer);
}

/* ---- reading ---- */

SUSPENDS static bool open_object(struct bucket_store *store, const struct object_name *name,
                                 const struct open_intent *intent, struct bucket_object **ret_object,
                                 struct error *error)
{
    const struct bucket_recall *recall = intent->recall;
    char key[128];
    copy_key(name->key, key);
    struct memory_object *object = memory_store_find(memory_of(store), key);
    if (object == NULL)
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "there is no %s", key);
    object->holders++;
    bool is_small = object->body.size <= memory_of(store)->whole_body_max;
    bool may_recall = recall != NULL && memory_of(store)->recalls_bodies;
    void *recalled = may_recall ? recall->find(recall->context, name, &object->attributes) : NULL;
    memory_of(store)->recalled += recalled != NULL;
    object->open = (struct bucket_object){
        .attributes = object->attributes,
        .whole_body = is_small && recalled == NULL ? buffer_span(&object->body) : SPAN_EMPTY,
        .recalled = recalled,
        .may_lend = memory_of(store)->lends_one_of > 0,
        .store = store,
    };
    *ret_object = &object->open;
    return true;
}

SUSPENDS static bool head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error)
{
    char key[128];
    copy_key(name->key, key);
    struct memory_object *object = memory_store_find(memory_of(store), key);
    if (object == NULL)
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "there is no %s", key);
    *ret_attributes = object->attributes;
    ret_attributes->metadata = arena_copy(arena, object->attributes.metadata);
    return true;
}

static void close_object(struct bucket_object *object)
{
    let_go((struct memory_object *)object);
}

static void read_window(struct bucket_object *object, uint64_t first, uint64_t end)
{
    struct memory_object *stored = (struct memory_object *)object;
    stored->window_first = first;
    stored->window_end = end;
    memory_of(object->store)->windows++;
    memory_of(object->store)->window_bytes += end - first;
}

SUSPENDS static bool read_bytes(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                                struct error *error)
{
    struct memory_object *stored = (struct memory_object *)object;
    struct memory_store *store = memory_of(object->store);
    ASSERT(offset <= stored->body.size && size <= stored->body.size - offset);
    fiber_yield();
    if (store->reads_until_changed == 0)
        return error_set(error, ERROR_CHANGED, S3_SlowDown, "the object was written anew");
    store->reads_until_changed--;
    if (store->reads_until_flip-- == 0)
        stored->body.data[store->flip_at] ^= 1;
    if (store->wants_windows) {
        ASSERT(offset >= stored->window_first && offset + size <= stored->window_end);
        stored->window_first = offset + size;
    }
    memcpy(ret_bytes, stored->body.data + offset, size);
    store->reads++;
    store->bytes_read += size;
    return true;
}

SUSPENDS static bool read_sidecar(struct bucket_object *object, struct buffer *ret_sidecar, struct error *error)
{
    struct memory_object *stored = (struct memory_object *)object;
    struct memory_store *store = memory_of(object->store);
    fiber_yield();
    buffer_append(ret_sidecar, buffer_span(&stored->sidecar));
    store->reads++;
    store->bytes_read += stored->sidecar.size;
    return !ret_sidecar->overflow || error_set(error, ERROR_TOO_LARGE, NULL, "the sidecar is too large");
}

static unsigned lent_now; /* by all stores of a test */

static void lend_span(struct bucket_loan *loan, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    ASSERT(copy != NULL && loan->count < BUCKET_LOAN_SPANS_MAX);
    memcpy(copy, bytes, size);
    loan->held[loan->count] = copy;
    loan->spans[loan->count++] = span_of(copy, size);
    lent_now++;
}

static bool lend(struct bucket_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan)
{
    enum { CUT_BYTES = 65472 }; /* as a tier's blocks are */
    const struct memory_object *stored = (struct memory_object *)object;
    struct memory_store *store = memory_of(object->store);
    if (store->asked_to_lend++ % store->lends_one_of != 0)
        return false;
    for (uint64_t at = offset, next; at < offset + size; at = next) {
        next = (at / CUT_BYTES + 1) * CUT_BYTES;
        next = next < offset + size ? next : offset + size;
        lend_span(ret_loan, stored->body.data + at, (size_t)(next - at));
    }
    store->lent++;
    return true;
}

static void take_back(struct bucket_loan *loan)
{
    for (unsigned i = 0; i < loan->count; i++, lent_now--) {
        memset(loan->held[i], 0xdb, loan->spans[i].size);
        free(loan->held[i]);
    }
}

unsigned memory_store_lent_now(void)
{
    return lent_now;
}

#define OPERATIONS                                                                                              \
    .open = open_object, .head = head, .read = read_bytes, .read_sidecar = read_sidecar, .close = close_object, \
    .borrow = lend, .give_back = take_back, .begin = begin, .write = write_bytes, .commit = commit,             \
    .abort = abort_write

static const struct bucket_store_operations operations = {OPERATIONS};
static const struct bucket_store_operations operations_with_windows = {OPERATIONS, .read_window = read_window};

void memory_store_want_windows(struct memory_store *store)
{
    store->wants_windows = true;
    store->store.operations = &operations_with_windows;
}

void memory_store_init(struct memory_store *store)
{
    *store = (struct memory_store){
        .store = {.operations = &operations,
                  .capabilities = {.conditions = DECIDES_ALL, .has_tags = true, .keeps_seals = true}},
        .reads_until_changed = UINT64_MAX,
        .reads_until_flip = UINT64_MAX,
        .writes_until_full = UINT64_MAX,
    };
    list_init(&store->objects);
}

void memory_store_free(struct memory_store *store)
{
    ASSERT(store->writers == 0);
    while (!list_is_empty(&store->objects))
        forget(LIST_ELEMENT(store->objects.next, struct memory_object, link));
}
