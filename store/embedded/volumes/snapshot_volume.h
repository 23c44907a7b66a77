/* store/embedded/volumes/snapshot_volume.h -- where a snapshot reads bodies: volumes that another process may own. */
#pragma once

#include "store/embedded/state.h"

/* Opened when it is needed first. NULL: it is gone, or was never there. */
struct volume *snapshot_volume(struct embedded_store *store, uint32_t number);
void snapshot_close_volumes(struct embedded_store *store);
