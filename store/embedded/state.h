/* store/embedded/state.h -- what all rooms of the embedded store share: the store and its shards, as data.
 *
 * Who touches what:
 *   the committer's thread   the one LMDB writer, the list of attached shards, volumes coming and going
 *   a shard's thread         its own struct shard: which blocks of its volumes are taken in memory, pins, staging; what
 *                            others borrow of its volumes, it hands out itself when their message arrives
 *   any thread               the table of volumes (a pointer appears before anything can name its volume, and goes when
 *                            nothing can), counters */
#pragma once

#include "runtime/fiber/loop.h"
#include "runtime/fiber/pool.h"
#include "runtime/metrics.h"
#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/folder.h"
#include "store/embedded/catalogue/later_look.h"
#include "store/embedded/catalogue/row.h"
#include "store/embedded/embedded.h"
#include "store/embedded/shard/bucket_lookup.h"
#include "store/embedded/volumes/pin.h"
#include "store/embedded/volumes/volume.h"
#include "store/spool.h"

#include <stdatomic.h>

enum {
    STAGING_BYTES = 256 << 10, /* aligned buffer of one write to a volume */
    STAGING_MAX = 64,          /* of a shard */
};

struct committer;

struct shard {
    struct embedded_store *store;
    struct loop *loop;
    unsigned index;
    MDB_txn *reader; /* reset between reads */
    struct pool *staging;
    struct pin_table pins;
    struct remembered_bucket buckets[BUCKETS_REMEMBERED];
    struct volume_set volumes;
    uint8_t token_prefix[8]; /* a write's token: this, then a count */
    uint64_t token_count;
    _Atomic bool is_released; /* the committer will not touch the shard's loop any more */
};

struct embedded_store {
    struct bucket_store base;
    struct embedded_options options;
    struct folder folder;
    struct catalogue catalogue;
    struct later_look *look; /* NULL: all pages were looked at before the catalogue was opened */
    struct committer *committer;
    struct spool spool;
    uint8_t spool_id[SPOOL_ID_BYTES]; /* of the own one */
    MDB_txn *snapshot;                /* of a snapshot (snapshot.c), which reads in this one alone; else NULL */
    struct embedded_store *origin;    /* of a snapshot in the store's own process */
    struct volume_table volumes;
    struct shard shards[EMBEDDED_SHARDS_MAX];
};

/* After a row was decoded whose ETag, CRC or checksum somebody will see. */
static inline void store_lift_veil(const struct embedded_store *store, struct row *row)
{
    veil_lift(store->options.veil, &row->attributes);
}

static inline struct embedded_store *embedded_of(struct bucket_store *store)
{
    return (struct embedded_store *)store;
}
