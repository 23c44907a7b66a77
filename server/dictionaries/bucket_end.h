/* server/dictionaries/bucket_end.h -- the end of a bucket in which nothing is left but dictionaries.
 *
 * Clients do not see them, and could not remove them. They are taken out, kept in memory, and put back if the bucket
 * is not empty after all: whoever writes an object meanwhile finds its dictionary again. */
#pragma once

#include "store/bucket.h"

/* As bucket_delete. */
SUSPENDS bool dictionaries_end_with_bucket(struct bucket_store *store, struct span bucket, struct error *error);
