/* store/embedded/queue/release_item.h -- a freed body on the way of its blocks back to whoever hands them out: asked
 * about (volumes/pin.h), answered for, given back (commit/committer_release.c). */
#pragma once

#include "runtime/base/list.h"
#include "store/embedded/catalogue/row.h"

#include <stdatomic.h>

struct release_item {
    struct release_item *next;      /* of the same release */
    struct release_item *next_done; /* on the committer's stack of answers */
    struct list_link outstanding;   /* the committer's: everything that is not free yet */
    atomic_uint missing;            /* shards that have not answered */
    uint8_t token[ROW_TOKEN_BYTES];
    unsigned position; /* extents before it are free already */
    unsigned count;
    struct extent extents[];
};

struct release_item *release_item_create(const uint8_t token[ROW_TOKEN_BYTES], struct span extents);
