/* server/dictionaries/fetch.h -- one dictionary out of its bucket. */
#pragma once

#include "codec/dictionary/dictionary.h"
#include "store/bucket.h"

/* Its bytes, which have the id, appended. Errors as dictionary_table_find. */
SUSPENDS bool dictionary_fetch(struct bucket_store *store, struct span bucket, struct span id, struct buffer *ret_bytes,
                               struct error *error);
