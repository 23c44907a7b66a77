/* server/dictionaries/store.h -- dictionaries as objects of their bucket: put there, taken along, listed.
 *
 * A dictionary is stored as it is, with what S4 gives it: Content-Type application/x-zstd-dictionary and
 * s4-dict-sha256. The ledger does not count it. */
#pragma once

#include "codec/dictionary/dictionary.h"
#include "store/bucket.h"

/* Durable when it returns true, also if it was there already: its name is the digest of its bytes. */
SUSPENDS bool dictionary_put(struct bucket_store *store, struct span bucket, struct span bytes, struct error *error);
/* Is it there? An answer that cannot be had is yes. */
SUSPENDS bool dictionary_is_there(struct bucket_store *store, struct span bucket, struct span id);
/* For objects that are copied from one bucket to another: their dictionary must be there before they are. True also
 * when both are one bucket. ERROR_DAMAGED: the source has none. */
SUSPENDS bool dictionary_carry(struct bucket_store *store, struct span from, struct span to, struct span id,
                               struct error *error);
