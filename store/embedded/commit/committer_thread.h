/* store/embedded/commit/committer_thread.h -- what the files of the committer's thread share; nobody else includes it.
 */
#pragma once

#include "store/embedded/catalogue/bucket_log.h"
#include "store/embedded/change/batch.h"
#include "store/embedded/commit/room.h"
#include "store/embedded/queue/queue.h"
#include "store/embedded/state.h"

#include <pthread.h>

struct committer_thread {
    struct committer base; /* first: what everybody else sees */
    struct embedded_store *store;
    pthread_t thread;
    struct batch_numbers numbers;
    struct buffer scratch;
    struct room room;
    struct bucket_log bucket_log;
    struct shard *attached[EMBEDDED_SHARDS_MAX];
    bool has_left[EMBEDDED_SHARDS_MAX]; /* since some shard is attached */
    unsigned attached_count;
    struct list_link outstanding; /* freed bodies that are not free yet */
};

/* ---- committer_batch.c: all on the committer's thread ---- */

/* Commits a run of changes, as one transaction if it can be, and answers them. */
void committer_commit_changes(struct committer_thread *committer, struct change *changes);
/* In a transaction of its own; the answer is left to the caller. */
void committer_commit_one(struct committer_thread *committer, struct change *change);

/* ---- committer_release.c ---- */

/* The attached shard that hands out the blocks of this volume, or NULL. */
struct shard *committer_owner(struct committer_thread *committer, uint32_t volume);
/* Asks the shards about the bodies that a commit has freed; takes the items over. */
void committer_release(struct committer_thread *committer, struct release_item *items);
/* Sends items that all shards have answered for to the owners of their blocks. */
void committer_collect_returned(struct committer_thread *committer);

/* ---- committer_shards.c ---- */

/* Those that are no part of a batch. */
bool committer_is_alone(enum change_kind kind);
void committer_run_alone(struct committer_thread *committer, struct change *change);
