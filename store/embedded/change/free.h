/* store/embedded/change/free.h -- what an object that is replaced or deleted leaves behind. */
#pragma once

#include "store/embedded/catalogue/upload_rows.h"
#include "store/embedded/change/batch.h"

/* What an object leaves behind; its row is left to the caller. */
bool batch_free_object(struct batch *batch, const struct row *old, struct error *error);
bool batch_free_replaced(struct batch *batch, const struct batch_replaced *replaced, struct error *error);
/* Sorts them by the shard that owns them: a release goes from owner to owner, and each takes what comes in a row. */
bool free_sorted_extents(struct batch *batch, const uint8_t token[ROW_TOKEN_BYTES], struct buffer *extents,
                         struct error *error);
bool batch_free_numbered(struct batch *batch, MDB_dbi table, uint64_t number, struct error *error);
