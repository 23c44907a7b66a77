/* server/backend/backend.h -- what stands behind the server: a store, and what belongs to it beside its buckets.
 *
 * Everything that depends on the kind of --backend goes through here: how it is opened, how a shard takes part in it,
 * whether it is well, what it counts. server/backend/folder.c is the embedded store in a folder,
 * server/backend/bucket.c the store in a bucket of an S3 server. The server opens one
 * before its shards start and closes it after they have ended. */
#pragma once

#include "journal/home.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/fiber/offload.h"
#include "server/config/config.h"
#include "server/config/prices.h"
#include "server/fleet/identity.h"
#include "store/bucket.h"
#include "store/spool.h"
#include "store/storage_class.h"

#include <stdbool.h>
#include <stdint.h>

enum { BACKEND_SHARDS_MAX = 256, BACKEND_RULE_ID_BYTES = 256 };

struct backend;
struct tier;

/* One number for /metrics. Rows of one family follow each other and have equal texts; all texts are static but
 * `labels`, which lives in the figure. */
struct backend_figure {
    const char *name;
    const char *type;
    const char *help;
    char labels[64]; /* "{kind=\"get\"}", or "" */
    uint64_t value;
    double scale; /* what is shown is as many times the value; 0: the value */
};

/* What is paid for reading from behind a store. */
struct backend_price {
    double request;
    double gib;
    char currency[PRICES_CURRENCY_BYTES];
};

struct backend_operations {
    /* Before the shards start: the account id that buckets belong to which this server did not make. The text outlives
     * the backend. NULL: the store knows its buckets' owners. */
    void (*set_owner)(struct backend *backend, const char *owner);
    /* On the shard's own thread, before it uses the store. */
    bool (*attach)(struct backend *backend, unsigned shard, struct error *error);
    /* On a fiber of that shard, when its objects and writers are closed. */
    SUSPENDS void (*detach)(struct backend *backend);
    /* False: requests would fail; the sentence says why. Any thread. */
    bool (*is_ready)(const struct backend *backend, struct error *reason);
    /* True: requests are served, and something wants an operator; the sentence says what. NULL: nothing ever does. Any
     * thread. */
    bool (*warns)(const struct backend *backend, struct error *ret_reason);
    /* Are there objects that a savings ledger counted before this process began? NULL: the store has its ledger in
     * itself. On a fiber of an attached shard. */
    SUSPENDS bool (*holds_counted)(const struct backend *backend, bool *ret_holds, struct error *error);
    /* How often the objects have been counted anew beside this process (journal/savings/recounts.h). NULL: that cannot
     * be. Any thread. */
    void (*note_recounts)(const struct backend *backend, uint64_t recounts);
    /* May the store write what Bale before VERSION_OF_LEADS (server/fleet/versions.h) does not read? NULL: there is no
     * such thing. Any thread. */
    void (*allow_leads)(const struct backend *backend, bool is_allowed);
    /* A lifecycle rule of the bucket behind the store which covers what is this server's there, and would remove or
     * move it: its id; "": there is none. False: nobody can say. NULL: there is no such bucket. On a fiber of an
     * attached shard. */
    SUSPENDS bool (*find_native_rule)(const struct backend *backend, char ret_id[BACKEND_RULE_ID_BYTES],
                                      struct error *error);
    /* Appends struct backend_figure. Any thread. */
    void (*figures)(const struct backend *backend, struct buffer *ret_figures);
    void (*close)(struct backend *backend);
};

/* An implementation embeds this as its first member and fills it in when it opens; it does not change afterwards. */
struct backend {
    const struct backend_operations *operations;
    struct bucket_store *store;      /* the store itself, which the journal uses */
    struct bucket_store *requests;   /* the one that requests see: the same, or another in front of it */
    struct tier *tier;               /* that the store reads through (store/tier/tier.h); NULL: there is none */
    struct backend_price tier_price; /* of what that spares it */
    struct spool *spool;             /* of the savings ledger; NULL: there is none */
    struct journal_home home;        /* of the journal and of settings */
    const struct clock *clock;       /* by which the times of its objects are; any thread */
    struct fleet_identity *identity; /* of this process among those before one bucket; NULL: it has the store alone */
    const char *native_prefix;       /* of clients' keys in the bucket behind the store; NULL: there is none */
    const char *no_journal;          /* why there is none, static text; NULL: there is one */
    bool misses_journal;             /* ... and clients will notice */
    uint64_t files;                  /* descriptors that it has open beside those of connections */
};

/* What it may use. All of it outlives the backend. */
struct backend_means {
    const struct config *config;
    unsigned shards; /* at most BACKEND_SHARDS_MAX; each of 0 .. shards-1 attaches */
    struct offload *threads;
    uint64_t files_max;                /* descriptors that it may come to use; 0: no bound */
    const struct veil *veil;           /* of encrypted objects; NULL: there are no keys */
    const struct class_places *places; /* of objects of storage classes, in a bucket; NULL: there are none */
    /* On a fiber, when the backend is there and busy: pauses, after which it is asked again. `reason` NULL: the waiting
     * is over. NULL: nobody waits, and the opening fails. */
    SUSPENDS void (*wait)(void *context, const struct error *reason);
    void *wait_context;
};

/* By --backend. NULL: the process is to end. */
typedef struct backend *backend_opener(const struct backend_means *means, struct error *error);
struct backend *backend_open(const struct backend_means *means, struct error *error);

/* The embedded store in the folder of --backend dir:PATH. part_bytes_min not 0: stored parts have a smallest size, as
 * in a bucket of S3, and a joiner stands in front (for tests of the joiner: tests/servers). */
struct backend *backend_folder_open(const struct backend_means *means, uint64_t part_bytes_min, struct error *error);

/* The store in the bucket of --backend s3:BUCKET[/PREFIX]. Asks the backend whether it is there and what it can do. */
struct backend *backend_bucket_open(const struct backend_means *means, struct error *error);
