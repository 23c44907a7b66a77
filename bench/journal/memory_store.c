/* bench/journal/memory_store.c -- objects in a sorted array. */
#include "bench/journal/memory_store.h"

#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

struct memory_object {
    char name[JOURNAL_NAME_BYTES];
    uint64_t version;
    size_t size;
    uint8_t *body;
};

static struct memory_store *of(struct journal_store *store)
{
    return (struct memory_store *)store;
}

static size_t position(const struct memory_store *store, const char *name)
{
    size_t low = 0;
    size_t high = store->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(store->objects[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct memory_object *find(const struct memory_store *store, const char *name)
{
    size_t at = position(store, name);
    return at < store->count && strcmp(store->objects[at].name, name) == 0 ? &store->objects[at] : NULL;
}

static void write_body(struct memory_store *store, struct memory_object *object, struct span body)
{
    free(object->body);
    object->body = malloc(body.size + 1);
    ASSERT(object->body != NULL);
    if (body.size > 0)
        memcpy(object->body, body.data, body.size);
    object->size = body.size;
    object->version = ++store->versions;
    store->bytes_written += body.size;
    if (strncmp(object->name, PARTS_PREFIX, strlen(PARTS_PREFIX)) == 0)
        store->part_bytes_written += body.size;
}

static enum store_answer create(struct journal_store *journal_store, const char *name, struct span body,
                                deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(journal_store);
    store->requests++;
    size_t at = position(store, name);
    if (at < store->count && strcmp(store->objects[at].name, name) == 0)
        return STORE_CONDITION_FAILED;
    if (store->count == store->capacity) {
        store->capacity = store->capacity == 0 ? 64 : 2 * store->capacity;
        store->objects = realloc(store->objects, store->capacity * sizeof *store->objects);
        ASSERT(store->objects != NULL);
    }
    struct memory_object *object = &store->objects[at];
    memmove(object + 1, object, (store->count - at) * sizeof *object);
    store->count++;
    *object = (struct memory_object){0};
    (void)snprintf(object->name, sizeof object->name, "%s", name);
    write_body(store, object, body);
    return STORE_DONE;
}

static void tell_etag(const struct memory_object *object, struct store_etag *ret_etag)
{
    (void)snprintf(ret_etag->text, sizeof ret_etag->text, "%llu", (unsigned long long)object->version);
}

static bool has_etag(const struct memory_object *object, const struct store_etag *etag)
{
    struct store_etag now;
    tell_etag(object, &now);
    return strcmp(now.text, etag->text) == 0;
}

static enum store_answer replace(struct journal_store *journal_store, const char *name, const struct store_etag *etag,
                                 struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(journal_store);
    store->requests++;
    struct memory_object *object = find(store, name);
    if (object == NULL)
        return STORE_NOT_FOUND;
    if (!has_etag(object, etag))
        return STORE_CONDITION_FAILED;
    write_body(store, object, body);
    tell_etag(object, ret_etag);
    return STORE_DONE;
}

static enum store_answer get(struct journal_store *journal_store, const char *name, const struct store_etag *known,
                             struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(journal_store);
    store->requests++;
    const struct memory_object *object = find(store, name);
    if (object == NULL)
        return STORE_NOT_FOUND;
    if (known != NULL && has_etag(object, known))
        return STORE_UNCHANGED;
    buffer_append(ret_body, span_of(object->body, object->size));
    tell_etag(object, ret_etag);
    return ret_body->overflow ? STORE_REFUSED : STORE_DONE;
}

static enum store_answer list(struct journal_store *journal_store, const char *prefix, const char *after,
                              struct store_page *ret_page, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(journal_store);
    store->requests++;
    ret_page->count = 0;
    ret_page->is_truncated = false;
    for (size_t i = position(store, after); i < store->count; i++) {
        const char *name = store->objects[i].name;
        if (strcmp(name, after) <= 0)
            continue;
        if (strncmp(name, prefix, strlen(prefix)) != 0) {
            if (strcmp(name, prefix) > 0)
                break;
            continue;
        }
        ret_page->is_truncated = ret_page->count == STORE_PAGE_NAMES_MAX;
        if (ret_page->is_truncated)
            break;
        memcpy(ret_page->names[ret_page->count++], name, JOURNAL_NAME_BYTES);
    }
    return STORE_DONE;
}

static enum store_answer delete_names(struct journal_store *journal_store, char (*names)[JOURNAL_NAME_BYTES],
                                      unsigned count, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(journal_store);
    store->requests++;
    for (unsigned i = 0; i < count; i++) {
        struct memory_object *object = find(store, names[i]);
        if (object == NULL)
            continue;
        free(object->body);
        store->count--;
        memmove(object, object + 1, (size_t)(store->objects + store->count - object) * sizeof *object);
    }
    return STORE_DONE;
}

static bool sleep_until(struct journal_scheduler *scheduler, deadline_t deadline)
{
    (void)scheduler;
    (void)deadline;
    return true;
}

static bool wait(struct journal_scheduler *scheduler, struct wait_queue *queue, deadline_t deadline)
{
    (void)scheduler;
    (void)queue;
    (void)deadline;
    return true;
}

static void wake_all(struct journal_scheduler *scheduler, struct wait_queue *queue)
{
    (void)scheduler;
    (void)queue;
}

static bool spawn(struct journal_scheduler *scheduler, const char *name, void (*entry)(void *), void *argument)
{
    (void)scheduler;
    (void)name;
    (void)entry;
    (void)argument;
    return false; /* the benchmark is the only task */
}

void memory_store_init(struct memory_store *store)
{
    *store = (struct memory_store){.store = {create, replace, get, list, delete_names},
                                   .scheduler = {sleep_until, wait, wake_all, spawn}};
}

void memory_store_free(struct memory_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        free(store->objects[i].body);
    free(store->objects);
    *store = (struct memory_store){0};
}
