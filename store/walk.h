/* store/walk.h -- every object of a backend, one after the other, in the order of their keys; with its
 * versions and delete markers, the newest first, and behind those of a bucket the uploads that are open in it, where
 * these are wanted. */
#pragma once

#include "store/bucket.h"

#include <stdbool.h>

struct walk {
    const char *bucket; /* NULL: all of them */
    const char *prefix; /* NULL: all keys */
    bool has_versions;  /* also former ones: names then have their version in buckets that are or were versioned */
    bool has_damaged;   /* entries whose row is damaged, too; else they end the walk, as former versions do */
    /* False ends the walk. */
    SUSPENDS bool (*visit)(void *context, const struct object_name *name, const struct list_entry *entry,
                           struct error *error);
    /* NULL: uploads are not wanted. Likewise. */
    SUSPENDS bool (*visit_upload)(void *context, const struct object_name *name, struct span upload_id,
                                  struct error *error);
    void *context;
};

SUSPENDS bool walk_objects(struct bucket_store *store, const struct walk *walk, struct error *error);
