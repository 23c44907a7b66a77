/* tools/bale/transfer/tree.h -- all objects below a prefix into a folder, several at once.
 *
 * A key becomes the path that stands in it behind the last slash of the prefix; what is no path, or would be a file
 * that another key has become, is told and left out (tree_path.h, file_set.h). Each object is one revision, checked,
 * and there whole or not at all, as of bale get of one: the one that is there when its turn comes. A key that ends in a
 * slash and has no bytes becomes a folder.
 *
 * A file is left as it is, and not asked for, if its size, its time and its attribute user.bale.etag are those of the
 * listed object: it was got by an earlier run, and nobody has changed it since.
 *
 * Objects up to a MiB cost one request each; of larger ones one at a time is fetched in parts. */
#pragma once

#include "tools/bale/transfer/download.h"

struct tree_settings {
    struct download_settings download; /* `connections` objects at once, and so many parts of a large one */
    struct span bucket;
    struct span prefix;
    int root;            /* the target folder */
    const char *include; /* patterns that paths must, and must not, match (fnmatch, where * goes past slashes); */
    const char *exclude; /* NULL: all do, none does */
    enum check_wish wish;
    bool restarts; /* with an object that changes meanwhile */
    bool is_synced;
    /* Of a key that is left out, or could not be got: why. */
    void (*tell)(struct span key, const struct error *why);
};

struct tree_result {
    uint64_t objects; /* got */
    uint64_t bytes;
    uint64_t unverified; /* of them: there was nothing to compare with */
    uint64_t skipped;    /* were there already */
    uint64_t failed;     /* told */
};

/* False: it ended before all keys had their turn, because the server has gone, the disk is full, or the like. Objects
 * that could not be got for reasons of their own are in the result. */
SUSPENDS bool tree_fetch(const struct tree_settings *settings, struct tree_result *ret_result, struct error *error);
