/* store/embedded/queue/queue.h -- the queue as its files and the committer's thread see it; nobody else includes it. */
#pragma once

#include "store/embedded/queue/committer.h"

#include <stdatomic.h>

struct committer {
    _Atomic(struct change *) queue;          /* the newest first */
    _Atomic(struct release_item *) returned; /* all shards have answered; the newest first */
    _Atomic uint32_t bell;                   /* a futex: 1 while the committer sleeps or is about to */
    _Atomic bool is_ending;
    _Atomic bool is_broken;
    _Atomic uint64_t commits;
    _Atomic uint64_t changes;
    _Atomic uint64_t buckets_generation;
};

/* Any thread: queues it and rings. */
void committer_push(struct committer *committer, struct change *change);
void committer_ring(struct committer *committer);

/* ---- on the committer's thread ---- */

/* Everything that is queued, the oldest first. */
struct change *committer_take(struct committer *committer);
/* Until something is queued, the end has come, or the time is over (0: without end). */
void committer_sleep(struct committer *committer, unsigned timeout_ms);
/* Wakes whoever waits for these: one message for each shard. */
void committer_answer(struct change *changes);
