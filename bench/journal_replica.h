/* bench/journal_replica.h -- a replica of the journal on a thread of its own, over any store: what the benchmark and
 * the soak have in common.
 *
 * The caller fills in the first part, starts it, joins it. `work` runs on a fiber of the new thread's loop while the
 * shard is attached; it opens and closes journals as it likes, one at a time. */
#pragma once

#include "bench/journal_watch.h"
#include "journal/bucket_store.h"
#include "journal/fiber_scheduler.h"
#include "journal/journal.h"

#include <pthread.h>

struct journal_replica {
    struct bucket_store *store;
    struct span bucket;
    struct span prefix; /* within it; "" or one that ends with a slash */
    unsigned shard;
    bool (*attach)(unsigned shard, struct error *error); /* of the store, on the new thread */
    SUSPENDS void (*detach)(void);
    struct journal_options options;
    SUSPENDS void (*work)(struct journal_replica *replica);
    void *context;

    struct journal *journal; /* NULL: closed */
    struct journal_bucket *objects;
    struct fiber_scheduler scheduler;
    struct journal_watch watch;
    pthread_t thread;
};

bool journal_replica_start(struct journal_replica *replica, struct error *error);
void journal_replica_join(struct journal_replica *replica);

/* Over replica->store, which may be another one each time. */
SUSPENDS void journal_replica_open(struct journal_replica *replica);
/* Stops the journal and waits for it and for its requests. */
SUSPENDS void journal_replica_close(struct journal_replica *replica);
/* True: its first tick has succeeded. */
SUSPENDS bool journal_replica_wait_ready(struct journal_replica *replica, uint64_t milliseconds);
SUSPENDS void journal_replica_sleep(uint64_t milliseconds);
