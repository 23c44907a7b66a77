/* tests/unit/embedded/uploads_fixture.h -- the bucket of the tests of uploads, what it takes, and its uploads. */
#pragma once

#include "tests/unit/embedded/uploads.h"

enum { MANIFEST_BLOCKS = 1 }; /* of a completed object, behind its parts */

extern const struct span bucket;
extern const struct span key;

void make_bucket(struct bucket_store *store);
/* Space that was freed comes back to its owner a little later. */
void expect_blocks(struct bucket_store *store, uint64_t blocks);
unsigned count_uploads(struct bucket_store *store, struct span prefix);
