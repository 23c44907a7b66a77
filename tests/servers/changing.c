/* tests/servers/changing.c -- a baled whose objects change while they are read, when their keys say so.
 *
 *   opens-N-...   of each N + 1 opens the first N find that the object has just been written anew
 *   reads-N-...   after N reads of an open object the rest of it cannot be had any more
 *
 * What a store over a network does now and then, as often as a test likes (tests/process/changing.py). Keys of 16
 * kinds at most; one shard. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "server/baled.h"
#include "store/bucket_operations.h"

#include <string.h>

enum { KEYS_MAX = 16, OPEN_MAX = 16, KEY_BYTES_MAX = 64 };

static const struct bucket_store_operations *sound;
static struct bucket_store_operations changing;

static struct {
    char key[KEY_BYTES_MAX];
    uint64_t opens;
} keys[KEYS_MAX];

static struct {
    struct bucket_object *object; /* NULL: free */
    uint64_t reads_left;
} open_objects[OPEN_MAX];

static bool changed(struct error *error)
{
    return error_set(error, ERROR_CHANGED, S3_SlowDown, "The object was written anew. Please try again.");
}

/* "opens-3-x" with "opens-": 3. */
static bool number_of(struct span key, struct span kind, uint64_t *ret_number)
{
    if (!span_starts_with(key, kind))
        return false;
    struct span rest = span_skip(key, kind.size);
    return decimal_parse(span_take(rest, span_find(rest, '-')), ret_number);
}

static uint64_t count_open(struct span key)
{
    ASSERT(key.size < KEY_BYTES_MAX);
    for (unsigned i = 0; i < KEYS_MAX; i++) {
        if (keys[i].key[0] == '\0')
            memcpy(keys[i].key, key.data, key.size);
        if (span_equal(span_from_string(keys[i].key), key))
            return keys[i].opens++;
    }
    UNREACHABLE();
}

static void note_open(struct bucket_object *object, uint64_t reads)
{
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        if (open_objects[i].object != NULL)
            continue;
        open_objects[i].object = object;
        open_objects[i].reads_left = reads;
        return;
    }
    UNREACHABLE();
}

static SUSPENDS bool open_changing(struct bucket_store *store, const struct object_name *name,
                                   const struct open_intent *intent, struct bucket_object **ret_object,
                                   struct error *error)
{
    uint64_t number;
    if (number_of(name->key, SPAN("opens-"), &number) && count_open(name->key) % (number + 1) < number)
        return changed(error);
    if (!sound->open(store, name, intent, ret_object, error))
        return false;
    if (number_of(name->key, SPAN("reads-"), &number))
        note_open(*ret_object, number);
    return true;
}

static SUSPENDS bool read_changing(struct bucket_object *object, uint64_t offset, void *ret_bytes, size_t size,
                                   struct error *error)
{
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        if (open_objects[i].object == object && open_objects[i].reads_left-- == 0)
            return changed(error);
    }
    return sound->read(object, offset, ret_bytes, size, error);
}

static void close_changing(struct bucket_object *object)
{
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        if (open_objects[i].object == object)
            open_objects[i].object = NULL;
    }
    sound->close(object);
}

static struct backend *open_backend(const struct backend_means *means, struct error *error)
{
    struct backend *backend = backend_folder_open(means, 0, error);
    if (backend == NULL)
        return NULL;
    sound = backend->store->operations;
    changing = *sound;
    changing.open = open_changing;
    changing.read = read_changing;
    changing.close = close_changing;
    backend->store->operations = &changing;
    return backend;
}

int main(int argc, char **argv)
{
    return baled_run(argc, argv, open_backend);
}
