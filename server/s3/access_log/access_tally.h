/* server/s3/access_log/access_tally.h -- how many lines of access logs wait in memory, in a file that survives the
 * process: what a crash has lost is counted by the next start.
 *
 * A small file that is mapped; each shard has a cache line of it and writes there without a lock. It survives kill -9,
 * not a power failure. A file that cannot be made costs the count, and nothing else. */
#pragma once

#include "runtime/base/error.h"

#include <stdatomic.h>
#include <stdint.h>

enum { ACCESS_TALLY_SHARDS = 256 };

struct access_tally_slot {
    _Alignas(64) _Atomic uint64_t lines;
};

struct access_tally {
    struct access_tally_slot *slots; /* ACCESS_TALLY_SHARDS; NULL: there is no file */
    uint64_t lost_before;            /* by the process before this one */
};

/* Of the file `access-log` in the folder. On the main thread. */
void access_tally_open(const char *folder, struct access_tally *ret_tally);
void access_tally_close(struct access_tally *tally);

/* On the shard's thread. `slot` NULL: nothing is done. */
static inline void access_tally_add(struct access_tally_slot *slot, uint64_t lines)
{
    if (slot != NULL)
        atomic_store_explicit(&slot->lines, atomic_load_explicit(&slot->lines, memory_order_relaxed) + lines,
                              memory_order_relaxed);
}

static inline void access_tally_sub(struct access_tally_slot *slot, uint64_t lines)
{
    if (slot != NULL)
        atomic_store_explicit(&slot->lines, atomic_load_explicit(&slot->lines, memory_order_relaxed) - lines,
                              memory_order_relaxed);
}
