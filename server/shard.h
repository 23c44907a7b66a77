/* server/shard.h -- one shard's life: a thread, its loop, its listener, its pools, its counters.
 *
 * A shard shares nothing with another but what struct shard_common points to, which does not change while shards run.
 */
#pragma once

#include "runtime/base/error.h"
#include "runtime/fiber/offload.h"
#include "server/admin/admin.h"
#include "server/auth/identity.h"
#include "server/backend/backend.h"
#include "server/config/config.h"

#include <pthread.h>
#include <stdbool.h>

struct shard;
struct control;    /* control.h */
struct tls_server; /* runtime/stream/tls.h */
struct access_tally;

/* What all shards read. */
struct shard_common {
    const struct config *config;
    struct backend *backend;
    const struct accounts *accounts;
    struct keyring *keyring; /* server/keys/keyring.h; NULL: nothing is encrypted */
    struct kms *kms;         /* server/kms/kms.h; likewise */
    const struct trusted_proxies *trusted_proxies;
    struct settings_keeper *keeper; /* of settings of buckets; NULL: the backend keeps none */
    struct dictionary_table *dictionaries;
    const struct class_levels *classes;
    struct dictionary_board *dictionary_board; /* what new objects are compressed with; NULL: --dict off */
    struct reservoirs *reservoirs;             /* NULL: the server makes no dictionaries by itself */
    const struct access_tally *access_tally;   /* server/s3/access_log/access_tally.h */
    struct offload *codec_threads;             /* NULL: no level above 6 */
    struct offload *background_thread;         /* of shard 0 */
    struct tls_server *tls;                    /* NULL: plain HTTP */
    unsigned shards_count;
    unsigned connections_max; /* of each shard */
    bool is_pinned;           /* every shard stays on a processor of its own */
    const char *host_id;
    struct admin_shard *views; /* each shard fills its own in before it serves */
    pthread_barrier_t *ended;  /* of all shards: shard 0 posts to the others and shows them until its own end */
};

/* `control` is NULL for all but shard 0. The listening socket stays the caller's. */
struct shard *shard_create(const struct shard_common *common, unsigned index, int listen_fd, struct control *control);
/* Starts the thread and returns when it serves. False: the process is to end. */
bool shard_start(struct shard *shard, struct error *error);
/* Any thread: no more connections, then the end when the last request has been answered or the time is up. */
void shard_stop(struct shard *shard, deadline_t deadline);
/* Shard 0's thread: asks its loop for a sign of life. False: it has not given the last one yet. */
bool shard_ask_for_life(struct shard *shard);
/* Waits for the thread's end. */
void shard_join(struct shard *shard);
void shard_destroy(struct shard *shard);
