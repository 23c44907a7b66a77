/* store/embedded/commit/start.h -- the committer's life. */
#pragma once

#include "runtime/base/error.h"

struct committer;
struct embedded_store;

/* Starts the thread. */
struct committer *committer_start(struct embedded_store *store, struct error *error);
/* Every shard has detached. What is queued is committed first. */
void committer_end(struct committer *committer);
