/* tools/bale/view/plain_bucket.h -- may a tool store in a bucket of a folder what nobody has encrypted? */
#pragma once

#include "store/bucket.h"

/* ERROR_CONFLICT: the bucket encrypts what is put into it (docs/encryption.md). ERROR_DAMAGED: its settings cannot be
 * read, and nobody knows. `store` is the folder's, open; the options of its server are not looked at. */
SUSPENDS bool plain_bucket_check(struct bucket_store *store, const struct bucket_info *bucket, struct error *error);
