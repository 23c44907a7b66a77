/* store/embedded/volumes/volume.h -- volumes: files that hold bodies, cut into blocks of 4 KiB.
 *
 * A volume belongs to one shard (its number modulo the shards), and only that shard hands out its blocks; every shard
 * reads from it. A shard that is out of blocks and can make no volume borrows from the others: it asks, by way of the
 * committer, and the owner hands out a run as to its own writers; what is not used goes back the same way. Which blocks
 * are taken is a bitmap in the catalogue's table `space`, changed in the commits that take and free them (space.h). The
 * shard's own bitmap in memory also counts what is reserved by writes in progress, and what has been freed but may
 * still be read: both are gone after a restart, as they should be.
 *
 * A new volume is usable at once (fallocated); a background fiber writes zeros over what is free, which halves the cost
 * of later writes. */
#pragma once

#include "runtime/fiber/wait.h"
#include "store/embedded/catalogue/catalogue.h"
#include "store/embedded/catalogue/row.h"

#include <stdatomic.h>

enum { VOLUMES_MAX = 65536, VOLUME_RUN_UNKNOWN = INT32_MAX };
#define VOLUME_BYTES_FIRST (UINT64_C(16) << 20)
#define VOLUME_BYTES_MAX (UINT64_C(1) << 30)

struct volume {
    uint32_t number;
    uint32_t blocks;
    int fd_direct;          /* for writing: O_DIRECT where the file system has it and descriptors are plenty; or fd */
    int fd;                 /* for reading */
    _Atomic bool is_filled; /* all of it was written once: the catalogue says so */
    /* the owner's: */
    struct volume *next; /* of its shard */
    uint64_t *taken;
    uint64_t *holes; /* free and given back to the disk; NULL: none */
    uint32_t free_blocks;
    uint32_t run_max;  /* no free run is longer */
    uint32_t position; /* where the search goes on */
};

/* All volumes, by number. */
struct volume_table {
    struct volume *_Atomic *volumes;
    _Atomic uint64_t blocks;       /* of all */
    _Atomic uint64_t taken_blocks; /* in the catalogue */
    _Atomic bool is_buffered;      /* O_DIRECT was refused (said once) */
    _Atomic uint64_t files;        /* descriptors: one or two for each */
    uint64_t lost_maps;            /* volumes of which it is damaged what is free (space.h): found when opening */
    uint64_t unopened;             /* while opening: those to come, one descriptor each at least */
    _Atomic uint64_t returning;    /* freed bodies, and what was lent and not used, on their way back */
    _Atomic uint64_t failures;     /* of volumes that are written through the page cache: volume_note_failure */
};

/* The volumes of one shard. */
struct volume_set {
    struct volume *first;
    struct volume *current;
    _Atomic uint64_t free_blocks; /* others read it, as a hint */
    uint64_t blocks;
    bool is_growing;
    bool is_ending;
    unsigned fibers; /* in the background */
    struct wait_queue grown;
    struct wait_queue idle;
    struct wait_queue stopped;
};

struct embedded_store;
struct shard;

/* ---- files (committer's thread, and opening) ---- */

/* Opens volume files; a missing file of a volume without bodies is made anew (a crash came between row and file). */
bool volume_table_open(struct embedded_store *store, struct error *error);
void volume_table_close(struct embedded_store *store);
/* Of the table `volumes`. *ret_row: version, is it filled, zeros u16, blocks u32. */
bool volume_row_is_sound(const MDB_val *key, const MDB_val *value, struct span *ret_row);
struct volume *volume_find(const struct embedded_store *store, uint32_t number);
/* Makes the file and puts the volume into the table. ERROR_FULL when the disk has no room. */
struct volume *volume_create(struct embedded_store *store, uint32_t number, uint32_t blocks, struct error *error);
/* Closes and removes the file. Nothing may name the volume any more; its memory stays until volume_free. */
void volume_remove(struct embedded_store *store, struct volume *volume);
void volume_free(struct volume *volume);
/* Any thread: a write or sync of this volume failed. Through the page cache the kernel tells of a failed write-back
 * once for each descriptor, to whoever syncs first; so all who write at that time compare `failures` with what it was
 * when they began. */
void volume_note_failure(struct embedded_store *store, const struct volume *volume);
/* Reads a volume's bitmap for its owner. */
bool volume_load(struct embedded_store *store, MDB_txn *txn, struct volume *volume, struct error *error);

/* ---- blocks (the owner's thread) ---- */

void volume_set_init(struct volume_set *set);
/* A volume whose bitmap is loaded becomes this shard's to hand out. */
void volume_set_add(struct shard *shard, struct volume *volume);
/* Ends the background fibers, gives the bitmaps back. */
SUSPENDS void volume_set_end(struct shard *shard);

/* Reserves a run of about `wanted` blocks, at least `least`. Makes a new volume when there is none, or borrows from
 * other shards on a full disk: that suspends. ERROR_FULL with InsufficientStorage. */
SUSPENDS bool volume_reserve(struct shard *shard, uint32_t wanted, uint32_t least, struct extent *ret_extent,
                             struct error *error);
/* The same for another shard, from the volumes that there are. False: nothing of `least` blocks is free. */
bool volume_lend(struct shard *owner, uint32_t wanted, uint32_t least, struct extent *ret_extent);
/* What was reserved and not committed, or freed and no longer read, is free again. What was borrowed goes to its owner.
 */
void volume_give_back(struct shard *shard, const struct extent *extent);
/* Starts the background work (filling, growing ahead, giving back) unless it runs. */
void volume_tend(struct shard *shard);
