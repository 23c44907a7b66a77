/* store/tier/disk.h -- reads of a tier's disk that never hold a client up for long.
 *
 * A read runs on a fiber of its own. Whoever asked waits no longer than the disk may take: the slowest of a hundred of
 * its last reads, four times over, between DISK_PATIENCE_LEAST_MS and DISK_PATIENCE_MOST_MS. A late read is left to
 * itself, with its memory and its slab, until the disk answers. When more than one read in twenty of the last ten
 * seconds was late, the disk is not asked for a second, and after that one in a hundred tries whether it is well again;
 * DISK_READS_MAX that are under way, or never end, have the same effect. Memory: 1 MiB for each.
 *
 * One for each shard; all of that shard's thread. */
#pragma once

#include "runtime/metrics.h"
#include "store/tier/slabs.h"

enum {
    DISK_READ_BYTES_MAX = 1 << 20,
    DISK_READS_MAX = 64,
    DISK_PATIENCE_LEAST_MS = 5,
    DISK_PATIENCE_MOST_MS = 25,
};

struct tier_disk;
struct disk_read;

/* Outlives the disk; readable from any thread. */
struct tier_disk_counters {
    metric_counter reads;
    metric_counter bytes;
    metric_counter late;     /* the backend was asked instead */
    metric_counter bypassed; /* the disk was not asked: it was slow of late */
    metric_counter failed;   /* the disk refused */
    _Atomic bool is_bypassed;
};

/* `patience_ms` 0: as said above; else that long. */
struct tier_disk *tier_disk_create(struct slabs *slabs, uint64_t patience_ms, struct tier_disk_counters *counters);
/* Waits for reads that are still under way. */
SUSPENDS void tier_disk_destroy(struct tier_disk *disk);

enum disk_outcome {
    DISK_READ,
    DISK_LATE,   /* or was not asked */
    DISK_FAILED, /* EIO, or the file is shorter than it was */
};

/* Whole units at a multiple of units, DISK_READ_BYTES_MAX at most. Takes over the caller's hold of the slab. On
 * DISK_READ *ret_read has the bytes, and holds the slab, until disk_read_end. */
SUSPENDS enum disk_outcome tier_disk_read(struct tier_disk *disk, struct slab *slab, uint64_t offset, size_t size,
                                          struct disk_read **ret_read);
const uint8_t *disk_read_bytes(const struct disk_read *read);
struct slab *disk_read_slab(const struct disk_read *read);
SUSPENDS void disk_read_end(struct disk_read *read);
