/* store/remote/write/pending.h -- which uploads of the backend this process has begun and not ended, noted in the state
 * folder: after a crash the next start gives them up, so that nobody pays for their parts.
 *
 * A note is a small file; a folder that is full, or lost, costs notes and nothing else. Notes are made and dropped on
 * the offload pool. */
#pragma once

#include "store/remote/store.h"

enum { PENDING_NAME_BYTES = 33 };

/* `claim`: the id of the client's upload that it was begun for, whose descriptor may name it; empty: an object.
 * ret_name "": it was not noted. */
SUSPENDS void pending_note(struct remote_shard *shard, const struct backend_name *target, struct span upload_id,
                           struct span bucket, struct span claim, char ret_name[PENDING_NAME_BYTES]);
SUSPENDS void pending_drop(struct remote_shard *shard, const char *name);

/* At start: gives up what an earlier process left. */
SUSPENDS void pending_settle(struct remote *remote);
