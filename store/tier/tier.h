/* store/tier/tier.h -- all blocks of a tier: which are there, their bytes, and which are taken in.
 *
 * Blocks lie in memory (memory.h), on the disk (slabs.h), or both; a tier may have either alone. What reading gives is
 * verified: memory holds what was, and a block from the disk is compared with its name and its CRC. A block that is not
 * what it should be is an absent one, as is one whose disk is late. Nothing here fails for the caller.
 *
 * A block is worth keeping when it is asked for the second time; until the tier has been full once, each is.
 *
 * Threads: open and close on the main thread, when no shard is attached; attach on the shard's thread, detach on a
 * fiber of it, all else on fibers of attached shards. */
#pragma once

#include "store/tier/disk.h"
#include "store/tier/ghosts.h"
#include "store/tier/memory.h"
#include "store/tier/slab_writer.h"

enum {
    TIER_SHARDS_MAX = 256,
    TIER_DISK_BYTES_LEAST = 64 << 20,
    TIER_KEEP_FREE_PERCENT = 5,
    TIER_AGE_MAX_S = 7 * 24 * 60 * 60,
};

struct tier;

struct tier_options {
    const char *folder;  /* NULL: no disk */
    const char *backend; /* whose tier it is, one line of text */
    uint64_t disk_bytes; /* at least tier_disk_bytes_least(shards); 0 with no folder */
    uint64_t memory_bytes;
    uint64_t bytes_a_day; /* written to the disk at most; 0: as many as the disk has */
    uint64_t patience_ms; /* for the disk; 0: by what it has shown (disk.h) */
    uint64_t age_max_s;   /* older slabs go */
    unsigned keep_free;   /* percent of the file system */
    unsigned shards;
    struct offload *offload;
    const struct random_source *random;
};

/* What so many shards need: each fills a slab, and another one is there to go. */
uint64_t tier_disk_bytes_least(unsigned shards);

struct tier *tier_open(const struct tier_options *options, struct error *error);
void tier_close(struct tier *tier);
/* Descriptors that it takes at most. */
uint64_t tier_files(const struct tier *tier);

/* The first shard reads, on fibers beside others, what an earlier process left. */
bool tier_attach(struct tier *tier, unsigned shard, struct error *error);
SUSPENDS void tier_detach(struct tier *tier);
/* Is the calling thread one of an attached shard? */
bool tier_is_here(const struct tier *tier);

/* By which name the stored bytes of an object are known here. */
struct block_revision tier_revision(const struct tier *tier, const struct object_name *name,
                                    const struct object_attributes *attributes);

/* Is it there, as far as one can tell without reading? */
bool tier_has(const struct tier *tier, const struct block_name *name);
/* Copies what is there of [offset, offset + size), which lies inside the body, from its first byte on; returns how many
 * bytes that are. 0: the first one's block is absent. */
SUSPENDS size_t tier_read(struct tier *tier, const struct block_revision *revision, uint64_t offset, void *ret_bytes,
                          size_t size);
/* The same bytes where the memory has them, all or none; as bucket_borrow. Any thread may give them back. */
bool tier_borrow(struct tier *tier, const struct block_revision *revision, uint64_t offset, size_t size,
                 struct bucket_loan *ret_loan);
void tier_give_back(struct bucket_loan *loan);

/* It was asked for and absent. True: it is worth keeping. */
bool tier_note_sight(struct tier *tier, const struct block_name *name);
/* All of it, as the backend gave it. What lies on the disk, or waits for it, is not written again. */
void tier_keep(struct tier *tier, const struct block_name *name, struct span payload);
/* Whoever decoded it found it wrong, though it is what was kept; or it shall be gone. It is not found again by this
 * shard, nor after a restart. False: the disk refused to erase it. */
SUSPENDS bool tier_forget(struct tier *tier, const struct block_name *name);
/* All blocks of it, also those that other shards are writing. *ret_blocks: how many there were, as far as the index
 * tells. False: the disk refused to erase one, or a shard has not written for seconds: some may be found again. */
SUSPENDS bool tier_forget_all(struct tier *tier, const struct block_revision *revision, uint64_t *ret_blocks);

/* The block is read, wherever it comes from. `may_be_kept`: the request named the revision. */
void tier_note_read(struct tier *tier, const struct block_name *name, bool may_be_kept);
/* Counted for people: what the tier was not asked for. */
void tier_count_open(struct tier *tier);
void tier_count_missed(struct tier *tier, uint64_t bytes);
void tier_count_further(struct tier *tier);

/* Forgets everything that is there, in memory and on the disk; what comes is kept as ever. False: a shard's writer has
 * not answered within a few seconds, and what it was filling goes later. */
SUSPENDS bool tier_drop_all(struct tier *tier);

/* ---- for people ---- */

/* Of one shard; readable from any thread. */
struct tier_counters {
    metric_counter blocks;      /* that were read, wherever they came from */
    metric_counter from_memory; /* bytes */
    metric_counter from_disk;
    metric_counter missed;  /* bytes that the backend had to give instead */
    metric_counter opens;   /* of objects without a body from the backend */
    metric_counter further; /* requests for what was absent of an object, where the tier had given something already */
    metric_counter kept;    /* blocks that were taken in */
    metric_counter unsound; /* blocks that were not what they should be */
    struct slab_writer_counters writer;
    struct tier_disk_counters disk;
};
const struct tier_counters *tier_counters(const struct tier *tier, unsigned shard);

struct tier_usage {
    const char *folder; /* NULL: no disk */
    struct slabs_usage slabs;
    uint64_t slab_bytes;
    uint64_t index_words; /* that there are */
    uint64_t index_count; /* that are set */
    uint64_t memory_bytes;
    uint64_t memory_max;
};
void tier_usage(struct tier *tier, struct tier_usage *ret_usage);
/* What other sizes would have had of what was noted (ghosts.h). False: there is no disk. */
bool tier_ghosts(struct tier *tier, struct ghost_figures ret_figures[GHOSTS]);
