/* store/tier/blocks.h -- all blocks of a tier: which are there, their bytes, and which are taken in.
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
#include "store/tier/memory.h"
#include "store/tier/slab_writer.h"

enum {
    TIER_SHARDS_MAX = 256,
    TIER_DISK_BYTES_LEAST = 64 << 20,
    TIER_KEEP_FREE_PERCENT = 5,
    TIER_AGE_MAX_S = 7 * 24 * 60 * 60,
};

struct blocks;

struct blocks_options {
    const char *folder;  /* NULL: no disk */
    const char *backend; /* whose tier it is, one line of text */
    uint64_t disk_bytes; /* at least blocks_disk_bytes_least(shards); 0 with no folder */
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
uint64_t blocks_disk_bytes_least(unsigned shards);

struct blocks *blocks_open(const struct blocks_options *options, struct error *error);
void blocks_close(struct blocks *blocks);
/* Descriptors that it takes at most. */
uint64_t blocks_files(const struct blocks *blocks);

/* The first shard reads, on fibers beside others, what an earlier process left. */
bool blocks_attach(struct blocks *blocks, unsigned shard, struct error *error);
SUSPENDS void blocks_detach(struct blocks *blocks);

/* By which name the stored bytes of an object are known here. */
struct block_revision blocks_revision(const struct blocks *blocks, const struct object_name *name,
                                      const struct object_attributes *attributes);

/* Is it there, as far as one can tell without reading? */
bool blocks_have(const struct blocks *blocks, const struct block_name *name);
/* Copies what is there of [offset, offset + size), which lies inside the body, from its first byte on; returns how many
 * bytes that are. 0: the first one's block is absent. */
SUSPENDS size_t blocks_read(struct blocks *blocks, const struct block_revision *revision, uint64_t offset,
                            void *ret_bytes, size_t size);
/* A block that the memory has, held until memory_give; NULL: it is not in memory. */
struct memory_block *blocks_borrow(struct blocks *blocks, const struct block_name *name);

/* It was asked for and absent. True: it is worth keeping. */
bool blocks_note_sight(struct blocks *blocks, const struct block_name *name);
/* All of it, as the backend gave it. */
void blocks_keep(struct blocks *blocks, const struct block_name *name, struct span payload);
/* Whoever decoded it found it wrong, though it is what was kept. */
void blocks_forget(struct blocks *blocks, const struct block_name *name);

/* ---- for people ---- */

/* Of one shard; readable from any thread. */
struct blocks_counters {
    metric_counter from_memory; /* bytes */
    metric_counter from_disk;
    metric_counter kept;    /* blocks that were taken in */
    metric_counter unsound; /* blocks that were not what they should be */
    struct slab_writer_counters writer;
    struct tier_disk_counters disk;
};
const struct blocks_counters *blocks_counters(const struct blocks *blocks, unsigned shard);

struct blocks_usage {
    bool has_disk;
    struct slabs_usage slabs;
    uint64_t slab_bytes;
    uint64_t index_words; /* that there are */
    uint64_t index_count; /* that are set */
    uint64_t memory_bytes;
    uint64_t memory_max;
};
void blocks_usage(struct blocks *blocks, struct blocks_usage *ret_usage);
