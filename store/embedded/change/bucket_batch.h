/* store/embedded/change/bucket_batch.h -- what changes of buckets and volumes do inside the committer's transaction. */
#pragma once

#include "store/embedded/change/batch.h"

bool bucket_row_create(struct batch *batch, struct change *change, struct error *error);
bool bucket_row_set(struct batch *batch, struct change *change, struct error *error);
bool bucket_row_delete(struct batch *batch, struct change *change, struct error *error);
bool volume_row_fill(struct batch *batch, struct change *change, struct error *error);
bool volume_row_drop(struct batch *batch, struct change *change, struct error *error);

/* A row of the table of volumes. */
bool batch_put_volume(MDB_txn *txn, const struct catalogue *catalogue, uint32_t number, uint32_t blocks, bool is_filled,
                      struct error *error);
