/* store/embedded/commit/committer_thread.h -- what the files of the committer's thread share; nobody else includes it.
 */
#pragma once

#include "store/embedded/catalogue/bucket_log.h"
#include "store/embedded/commit/batch.h"
#include "store/embedded/commit/room.h"
#include "store/embedded/store.h"

#include <pthread.h>

struct committer {
    struct embedded_store *store;
    pthread_t thread;
    _Atomic(struct change *) queue;          /* the newest first */
    _Atomic(struct release_item *) returned; /* all shards have answered; the newest first */
    _Atomic uint32_t bell;                   /* a futex: 1 while the committer sleeps or is about to */
    _Atomic bool is_ending;
    _Atomic bool is_broken;
    _Atomic uint64_t commits;
    _Atomic uint64_t changes;
    _Atomic uint64_t buckets_generation;
    /* the thread's own: */
    struct batch_numbers numbers;
    struct buffer scratch;
    struct room room;
    struct bucket_log bucket_log;
    struct shard *attached[EMBEDDED_SHARDS_MAX];
    bool has_left[EMBEDDED_SHARDS_MAX]; /* since some shard is attached */
    unsigned attached_count;
    struct list_link outstanding; /* freed bodies that are not free yet */
};

/* ---- committer.c ---- */

/* Any thread: queues it and rings. */
void committer_push(struct committer *committer, struct change *change);
/* Wakes whoever waits for these: one message for each shard. */
void committer_answer(struct change *changes);

/* ---- committer_batch.c: all on the committer's thread ---- */

/* Commits a run of changes, as one transaction if it can be, and answers them. */
void committer_commit_changes(struct committer *committer, struct change *changes);
/* In a transaction of its own; the answer is left to the caller. */
void committer_commit_one(struct committer *committer, struct change *change);

/* ---- committer_release.c ---- */

/* Asks the shards about the bodies that a commit has freed; takes the items over. */
void committer_release(struct committer *committer, struct release_item *items);
/* Sends items that all shards have answered for to the owners of their blocks. */
void committer_collect_returned(struct committer *committer);

/* ---- committer_shards.c ---- */

/* The attached shard that hands out the blocks of this volume, or NULL. */
struct shard *committer_owner(struct committer *committer, uint32_t volume);
/* Those that are no part of a batch. */
bool committer_is_alone(enum change_kind kind);
void committer_run_alone(struct committer *committer, struct change *change);
