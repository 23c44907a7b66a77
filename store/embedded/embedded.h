/* store/embedded/embedded.h -- the store in a folder: objects of one process, on one file system.
 *
 * It stands behind bucket.h. LMDB holds the catalogue (rows in key order) with small bodies beside it; larger bodies
 * lie in volumes. One committer thread makes every change durable and visible, many at a time. docs/store-format.md has
 * the folder to the byte, and what a crash can and cannot do.
 *
 * Threads: embedded_open and embedded_close belong to the main thread, before the shards start and after they ended.
 * Each shard attaches on its own loop's thread before it uses the store, and detaches (on a fiber) before its loop
 * ends; having detached, it attaches again only after all others have detached, too. Everything else is used through
 * bucket.h on a fiber of an attached shard. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/fiber/fiber.h"
#include "runtime/fiber/offload.h"
#include "store/bucket.h"
#include "store/spool.h"
#include "store/veil.h"

#include <stdbool.h>
#include <stdint.h>

enum { EMBEDDED_SHARDS_MAX = 256 };

/* What a folder is for. It is made so, remembers it, and stays so. */
enum embedded_kind {
    EMBEDDED_PACKED, /* Bale's own: what is in it counts in the savings ledger */
    EMBEDDED_RAW,    /* of a plain S3 server (baled --raw): there is no ledger */
    EMBEDDED_ANY,    /* whichever it is; a new one is packed */
};

struct embedded_options {
    enum embedded_kind kind;
    unsigned shards;                    /* 1 .. EMBEDDED_SHARDS_MAX; each of 0 .. shards-1 may attach */
    uint64_t catalogue_max_bytes;       /* the catalogue never grows beyond; 0: 256 GiB. Address space, not memory */
    uint64_t volume_max_bytes;          /* 0: 1 GiB */
    const struct clock *clock;          /* NULL: the system's */
    const struct random_source *random; /* NULL: the system's; tokens of writes come from it */
    const struct veil *veil;            /* hashes of encrypted objects; NULL: they are not known */
    struct offload *offload;            /* where listings run; NULL: on the shard (tests, tools) */
    uint64_t part_bytes_min;            /* smallest stored part but the last, as S3 has it (for tests); 0: none */
    uint64_t files_max;                 /* descriptors that volumes may use (1 each; 2 while plenty); 0: no bound */
    uint64_t reclaim_delay_ms;          /* how long space stays free before the disk gets it back; 0: 10 s */
    bool is_unfilled; /* volumes are not written with zeros beforehand (tests that care for time, not for speed) */
};

/* Opens the folder, or makes it when it is missing or empty. NULL: it is locked by another process (which is named),
 * of the other kind, of a newer format, damaged, or the system refused. */
struct bucket_store *embedded_open(const char *path, const struct embedded_options *options, struct error *error);
/* Every shard must have detached. */
void embedded_close(struct bucket_store *store);

bool embedded_attach_shard(struct bucket_store *store, unsigned shard, struct error *error);
/* Every object and writer of this shard must be closed. */
SUSPENDS void embedded_detach_shard(struct bucket_store *store);

/* False: writes cannot be made durable any more (the sentence says why); for /ready. Any thread. */
bool embedded_is_ready(const struct bucket_store *store, struct error *error);

/* The folder's own name, made with it: 16 random bytes. */
void embedded_id(const struct bucket_store *store, uint8_t ret_id[16]);

/* For /metrics; any thread. */
struct embedded_usage {
    uint64_t catalogue_bytes; /* used of the catalogue file */
    uint64_t volume_bytes;    /* of all volumes */
    uint64_t body_bytes;      /* of them taken by bodies */
    uint64_t commits;         /* transactions */
    uint64_t changes;         /* committed in them */
    uint64_t files;           /* descriptors that volumes have */
};
void embedded_usage(const struct bucket_store *store, struct embedded_usage *ret_usage);

/* ---- the savings ledger ---- */

/* The store's spool, as long as the store. Of a snapshot: the records of that moment; freeze, trim and remove are
 * ERROR_UNSUPPORTED, and what the own spool of the process that has the folder has open shows as open. */
struct spool *embedded_spool(struct bucket_store *store);

struct embedded_ledger {
    bool is_raw;       /* the folder has no ledger and never gets one (EMBEDDED_RAW) */
    bool is_counted;   /* false: it has none yet (it gets one when it is opened for writing) */
    bool is_in_doubt;  /* damage has taken objects that it counts, or amounts: until a recount */
    uint64_t recounts; /* corrections so far */
};
bool embedded_ledger(struct bucket_store *store, struct embedded_ledger *ret_ledger, struct error *error);

/* Appends what the rows of each bucket add up to, encoded as in a record: those that the ledger counts; empty buckets
 * are left out. Reads every row, on the offload pool if there is one; the caller uses the snapshot for nothing else
 * meanwhile. */
SUSPENDS bool embedded_count(struct bucket_store *snapshot, struct buffer *ret_amounts, struct error *error);

struct embedded_correction {
    struct span amounts; /* encoded as in a record: go to the own spool */
    struct span emptied; /* ids of spools, one behind the other, that lose all their records; not the own one */
    uint64_t recounts;   /* of the snapshot in which this was found */
};
/* In one transaction with the count of corrections, if that still is `recounts`: then what was found holds, whatever
 * was written since. ERROR_CONFLICT otherwise. */
SUSPENDS bool embedded_correct(struct bucket_store *store, const struct embedded_correction *correction,
                               struct error *error);

/* ---- snapshots ---- */

/* The folder at one moment: reads (find_bucket, list_buckets, open, head, read, read_parts, read_sidecar, list,
 * list_versions, read_tags, find_upload, list_uploads, close) and spool see one read transaction of the catalogue.
 * Other calls are not there. For one fiber; embedded_close ends it, soon, because pages that were freed meanwhile are
 * not used again before that.
 *
 * Bodies in volumes are not part of the moment: once their object is deleted, other bodies may be written over them,
 * and their volume may go. Whoever reads them must know them by checksums of their own, and take a new snapshot when
 * they are wrong or cannot be read.
 *
 * With a path: without the lock, whether or not a process has the folder open, but not in that process itself. Nothing
 * in the folder is changed but LMDB's table of readers (catalogue/lock.mdb). ERROR_UNSUPPORTED: an earlier Bale's. */
struct bucket_store *embedded_open_snapshot(const char *path, struct error *error);
/* Of a store that is open in this process. */
struct bucket_store *embedded_snapshot(struct bucket_store *store, struct error *error);

/* ---- bale check ---- */

struct embedded_report {
    uint64_t buckets, objects, versions, bodies_bytes, damaged, repaired; /* versions: those that are not current */
    void (*line)(void *context, const char *text); /* one sentence for each finding; may be NULL */
    void *context;
};

/* Reads everything of a folder that no process has open: rows, bodies, free space. With `repair`: what is damaged is
 * dropped, the table of free space is made anew, and a lost or unreadable catalogue is rebuilt from the volumes (what
 * that brings back and what not: docs/store-format.md). True: the folder is sound now. Blocks. */
bool embedded_check(const char *path, bool repair, struct embedded_report *report, struct error *error);

/* The same with `repair`, from a copy of the catalogue (embedded_backup): it takes the place of the catalogue, which is
 * kept under another name; bodies that were written since are found by their labels, and what was overwritten or
 * deleted since is dropped where its bytes are gone. */
bool embedded_restore(const char *path, const char *copy, struct embedded_report *report, struct error *error);

/* Writes a copy of the catalogue of one moment to `file`, compact and durable, by rename; whether or not a process has
 * the folder open. Bodies in volumes are not in it. Blocks. */
bool embedded_backup(const char *path, const char *file, uint64_t *ret_bytes, struct error *error);
