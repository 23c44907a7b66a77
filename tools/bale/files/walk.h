/* tools/bale/files/walk.h -- every object of a backend, one after the other, in the order of their keys. */
#pragma once

#include "store/bucket.h"

#include <stdbool.h>

struct walk {
    const char *bucket; /* NULL: all of them */
    const char *prefix; /* NULL: all keys */
    /* False ends the walk. */
    SUSPENDS bool (*visit)(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error);
    void *context;
};

SUSPENDS bool walk_objects(struct bucket_store *store, const struct walk *walk, struct error *error);
