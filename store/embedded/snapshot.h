/* store/embedded/snapshot.h -- the end of a snapshot; its beginning is public (embedded.h). */
#pragma once

#include "store/embedded/state.h"

void snapshot_close(struct embedded_store *store);
