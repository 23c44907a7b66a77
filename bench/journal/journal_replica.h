/* bench/journal/journal_replica.h -- a replica of the journal on a thread of its own, over any store: what the
 * benchmark and the soak have in common.
 *
 * `work` runs on a fiber of the new thread's loop while the shard is attached; it opens and closes journals as it
 * likes.
 */
#pragma once

#include "bench/journal/journal_watch.h"
#include "journal/bucket_store.h"
#include "journal/fiber_scheduler.h"
#include "journal/journal.h"

#include <pthread.h>

/* A journal that is open. */
struct journal_instance {
    struct journal *journal;
    struct journal_bucket *objects;
    struct fiber_scheduler scheduler;
    struct journal_watch watch;
};

/* `prefix` within the bucket: "" or one that ends with a slash. The instance must not move. */
SUSPENDS void journal_instance_open(struct journal_instance *instance, struct bucket_store *store, struct span bucket,
                                    struct span prefix, const struct journal_options *options);
/* Stops the journal and waits for it and for its requests. */
SUSPENDS void journal_instance_close(struct journal_instance *instance);
/* True: its first tick has succeeded. */
SUSPENDS bool journal_instance_wait_ready(const struct journal_instance *instance, uint64_t milliseconds);
SUSPENDS void journal_replica_sleep(uint64_t milliseconds);

/* A thread. */
struct journal_replica {
    unsigned shard;
    bool (*attach)(unsigned shard, struct error *error); /* of the store, on the new thread */
    SUSPENDS void (*detach)(void);
    SUSPENDS void (*work)(struct journal_replica *replica);
    void *context;
    pthread_t thread;
};

bool journal_replica_start(struct journal_replica *replica, struct error *error);
void journal_replica_join(struct journal_replica *replica);
