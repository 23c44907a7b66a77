/* store/tier/slab_writer.h -- how blocks come to lie on the disk: one for each shard, with a fiber and a slab of its
 * own.
 *
 * Blocks are copied into pieces of 1 MiB, which are written one behind the other; a piece that does not fill up is
 * written after WRITER_PATIENCE_MS. Only then the index says where its blocks are. Nobody waits for the disk: when all
 * pieces are full, or writing pauses, a block is not taken, and that is counted.
 *
 * When a slab is full it is sealed and a new one made. The one that leaves no room for a further one makes the oldest
 * go: those of its blocks that were used twice since they were written are verified and written anew, up to three
 * quarters of a slab; the rest is forgotten with the file.
 *
 * Wear: `bytes_a_day` is what may be written, with as much in reserve. Failures: a full disk takes slabs away, and
 * pauses writing for a minute when that does not help; a disk that refuses to write pauses it for a second, and for
 * twice as long each time, up to an hour.
 *
 * All of one shard's thread. */
#pragma once

#include "runtime/metrics.h"
#include "store/tier/slabs.h"

enum {
    PIECE_BYTES = 1 << 20,
    WRITER_PIECES = 4,
    WRITER_PATIENCE_MS = 100,
};

struct slab_writer;

/* What it has done; readable from any thread, and outlives it. */
struct slab_writer_counters {
    metric_counter blocks;        /* written, with those that were moved */
    metric_counter bytes;         /* written */
    metric_counter moved;         /* blocks of slabs that went */
    metric_counter dropped_busy;  /* blocks that found no piece */
    metric_counter dropped_limit; /* ... beyond bytes_a_day */
    metric_counter dropped_full;  /* ... because there was no slab for them */
    metric_counter failures;      /* writes that the disk refused */
    metric_counter slabs_gone;    /* unlinked to make room, or for their age */
    metric_counter taken;         /* blocks that found a piece; and those of them that were written or dropped */
    metric_counter settled;
    metric_counter emptyings; /* of slabs that go, whose blocks may be moved; and those that have ended */
    metric_counter emptied;
    atomic_uint dropped;         /* how often it has forgotten what it was filling */
    _Atomic(const char *) pause; /* why writing is paused, static text; NULL: it is not */
};

struct slab_writer_options {
    struct slabs *slabs;
    struct tier_index *index;
    struct slab_writer_counters *counters;
    const atomic_uint *drops; /* how often all writers are to forget what they are filling: looked at once a second */
    uint64_t bytes_a_day;     /* of this writer */
    uint64_t age_max_s;       /* older slabs are unlinked by this writer; 0: by another one, or never */
};

/* Starts its fiber on this shard. */
struct slab_writer *slab_writer_start(const struct slab_writer_options *options, struct error *error);
/* What was taken is written, and the slab sealed. */
SUSPENDS void slab_writer_stop(struct slab_writer *writer);

/* What a writer had begun at some moment, and whether all of that is done: then the index tells of it. Any thread. */
struct slab_writer_progress {
    uint64_t taken;
    uint64_t emptyings;
};
struct slab_writer_progress slab_writer_progress(const struct slab_writer_counters *counters);
bool slab_writer_has_caught_up(const struct slab_writer_counters *counters,
                               const struct slab_writer_progress *progress);

/* Was it taken, and is not written yet, or about to be moved? */
bool slab_writer_has(const struct slab_writer *writer, const struct block_name *name);
/* Copies it. False: it will not be written. */
bool slab_writer_add(struct slab_writer *writer, const struct block_name *name, struct span payload);
/* What was taken of it and is not written yet will not be found. */
void slab_writer_forget(struct slab_writer *writer, const struct block_name *name);
