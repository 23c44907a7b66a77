/* tests/sim/world/objects.c -- objects in the order of their names. */
#include "tests/sim/world/objects.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

struct store_observer world_observer;

static struct object **objects;
static size_t objects_count, objects_capacity;

static size_t position(const char *name)
{
    size_t low = 0;
    size_t high = objects_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(objects[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct object *object_find(const char *name)
{
    size_t at = position(name);
    return at < objects_count && strcmp(objects[at]->name, name) == 0 ? objects[at] : NULL;
}

static struct object *insert(const char *name)
{
    size_t at = position(name);
    if (objects_count == objects_capacity) {
        objects_capacity = objects_capacity == 0 ? 256 : 2 * objects_capacity;
        objects = realloc(objects, objects_capacity * sizeof *objects);
        ASSERT(objects != NULL);
    }
    memmove(objects + at + 1, objects + at, (objects_count - at) * sizeof *objects);
    struct object *object = calloc(1, sizeof *object);
    ASSERT(object != NULL);
    (void)snprintf(object->name, sizeof object->name, "%s", name);
    objects[at] = object;
    objects_count++;
    return object;
}

struct object *object_put(const char *name, struct span body)
{
    struct object *object = object_find(name);
    if (object == NULL)
        object = insert(name);
    object->is_unreadable = object->hides_etag = false;
    buffer_clear(&object->body);
    buffer_append(&object->body, body);
    (void)snprintf(object->etag.text, sizeof object->etag.text, "%016llx",
                   (unsigned long long)crc64nvme_update(0, buffer_span(&object->body)));
    return object;
}

void object_delete(const char *name)
{
    size_t at = position(name);
    if (object_find(name) == NULL)
        return;
    buffer_free(&objects[at]->body);
    free(objects[at]);
    objects_count--;
    memmove(objects + at, objects + at + 1, (objects_count - at) * sizeof *objects);
}

void objects_list(const char *prefix, const char *after, unsigned most, struct store_page *ret_page)
{
    size_t prefix_size = strlen(prefix);
    ret_page->count = 0;
    ret_page->is_truncated = false;
    const char *from = strcmp(after, prefix) > 0 ? after : prefix;
    for (size_t i = position(from); i < objects_count; i++) {
        const char *name = objects[i]->name;
        if (strncmp(name, prefix, prefix_size) != 0)
            break;
        if (strcmp(name, after) <= 0)
            continue;
        if (ret_page->count == most) {
            ret_page->is_truncated = true;
            break;
        }
        ret_page->is_damaged[ret_page->count] = objects[i]->hides_etag;
        memcpy(ret_page->names[ret_page->count++], name, JOURNAL_NAME_BYTES);
    }
}

void objects_clear(void)
{
    for (size_t i = 0; i < objects_count; i++) {
        buffer_free(&objects[i]->body);
        free(objects[i]);
    }
    objects_count = 0;
}

bool world_object(const char *name, struct span *ret_body)
{
    const struct object *object = object_find(name);
    if (object != NULL)
        *ret_body = buffer_span(&object->body);
    return object != NULL;
}

unsigned world_names(const char *prefix, void (*visit)(const char *name))
{
    unsigned count = 0;
    size_t prefix_size = strlen(prefix);
    for (size_t i = position(prefix); i < objects_count && strncmp(objects[i]->name, prefix, prefix_size) == 0; i++) {
        count++;
        if (visit != NULL)
            visit(objects[i]->name);
    }
    return count;
}
