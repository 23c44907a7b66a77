/* store/tier/slabs.h -- the files of a tier: written once, front to back, and unlinked as a whole.
 *
 * A slab is made with all of its room (fallocate), filled by the one shard that made it, and sealed with a table of its
 * blocks (store/tier/contents.h). The oldest sealed one is taken out when there is no room for a further one. Bytes of
 * a slab never change, but for blocks that are erased, which whoever reads them meanwhile finds unsound; and one that
 * was unlinked lives until the last who holds it lets it go: no reader waits, and none sees other bytes.
 *
 * Each slab has a slot, which places in the index name, and one open descriptor. `bytes_max` counts what is on the
 * disk: slabs that are unlinked and still held count.
 *
 * Nothing is synced. A slab without a valid table, as a kill leaves one for each shard, is unlinked at the next start.
 *
 * Threads: open and close on the main thread; all else on a fiber of any shard. Calls that read, make or unlink files
 * suspend; the lock inside is held for a few list operations, never across a suspension. */
#pragma once

#include "runtime/base/list.h"
#include "runtime/fiber/offload.h"
#include "store/tier/contents.h"
#include "store/tier/folder.h"
#include "store/tier/index.h"

#include <stdatomic.h>

enum {
    SLAB_BYTES_LEAST = 8 << 20,
    SLAB_BYTES_MOST = INDEX_UNITS_MAX * BLOCK_UNIT_BYTES, /* 64 MiB */
    SLAB_FAULTS_MAX = 3, /* blocks of it that did not read well; then it is taken out */
};

struct slabs;

struct slab {
    uint64_t sequence; /* larger ones are younger */
    uint32_t slot;
    int fd;
    _Atomic uint32_t holders; /* and SLAB_IS_LIVE */
    atomic_uint faults;
    int64_t sealed_s; /* wall clock, seconds */
    /* under the lock: */
    bool is_taken;          /* its slot */
    struct list_link order; /* among the sealed ones, oldest first; alone: it is none, or has been taken out */
};

struct slabs_options {
    const struct tier_folder *folder; /* outlives the slabs */
    uint64_t bytes_max;
    uint64_t slab_bytes;     /* a multiple of 1 MiB, SLAB_BYTES_LEAST to SLAB_BYTES_MOST */
    unsigned writers;        /* shards, each with a slab that it fills; bytes_max has room for twice as many slabs */
    unsigned keep_free;      /* percent of the file system that others may count on */
    struct offload *offload; /* what blocks runs there */
};

/* What a tier of this size is cut into. */
uint64_t slabs_choose_bytes(uint64_t bytes_max);
/* Descriptors that they take at most. */
uint64_t slabs_files(const struct slabs_options *options);

struct slabs *slabs_open(const struct slabs_options *options, struct error *error);
/* Nobody holds any, and none is being filled. */
void slabs_close(struct slabs *slabs);

/* Puts what one slab of an earlier process holds into the index, the youngest first. False: there is no further one.
 * Several fibers may do so at once, of one shard. */
SUSPENDS bool slabs_load_next(struct slabs *slabs, struct tier_index *index);

/* NULL: it has gone. */
struct slab *slabs_hold(struct slabs *slabs, uint32_t slot);
SUSPENDS void slabs_let_go(struct slabs *slabs, struct slab *slab);

/* A new one, empty, held by whoever fills it. NULL with ERROR_FULL: there is no room, by bytes_max or on the disk;
 * the oldest has to go first. */
SUSPENDS struct slab *slabs_make(struct slabs *slabs, struct error *error);
/* Its table is written: it is let go, and can be taken out from now on. */
void slabs_seal(struct slabs *slabs, struct slab *slab, int64_t second);
/* It is unlinked, and let go. */
SUSPENDS void slabs_drop(struct slabs *slabs, struct slab *slab);

/* Takes the oldest sealed one out of their order, and holds it: slabs_drop is next. NULL: there is none. */
struct slab *slabs_take_oldest(struct slabs *slabs);
/* The same, if it is known to have been sealed before that second. */
struct slab *slabs_take_aged(struct slabs *slabs, int64_t second);
/* Is there room for a further one? */
bool slabs_have_room(struct slabs *slabs);
/* Was there none, or for one alone, at any time of this process? */
bool slabs_were_full(const struct slabs *slabs);
/* A block of it did not read well: true, and held, where it is to be taken out now (slabs_drop). */
bool slabs_note_fault(struct slabs *slabs, struct slab *slab);

/* Writes zeroes over a block, so that it is not found after the next start either. False: the disk refuses. */
SUSPENDS bool slabs_erase(struct slabs *slabs, const struct block_place *place);

/* The table of a sealed slab. False: it has none that can be believed. The buffer's bytes are contents_bytes(count). */
SUSPENDS bool slabs_read_contents(struct slabs *slabs, const struct slab *slab, struct buffer *ret_bytes,
                                  uint32_t *ret_count, int64_t *ret_second);

uint64_t slabs_bytes_each(const struct slabs *slabs);

struct slabs_usage {
    uint64_t bytes; /* on the disk, with those that are held and unlinked */
    uint64_t bytes_max;
    uint64_t count;
    int64_t oldest_s; /* when the oldest was sealed; 0: there is none */
    bool is_loaded;   /* all slabs of the earlier process have been read */
    bool is_buffered; /* the file system refuses O_DIRECT */
};
void slabs_usage(struct slabs *slabs, struct slabs_usage *ret_usage);
