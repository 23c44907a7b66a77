/* server/process/memory_limits.h -- caches that could not be filled are refused at start, and not met as a process that
 * the kernel ends one day. */
#pragma once

#include "runtime/base/error.h"

#include <stdint.h>

/* What one has by default is never refused. */
enum {
    FRAME_CACHE_ALWAYS_BYTES = 64 << 20, /* for each shard */
    SHARED_CACHE_ALWAYS_BYTES = 256 << 20,
};

/* Of this machine, in bytes. A group of processes may have less; what has none of its own is bounded by this. */
uint64_t memory_of_machine(void);

/* --frame-cache, `asked` for each shard, beside the machine's memory. False, with a sentence: all shards together could
 * not have it. */
bool limits_frame_cache(uint64_t memory, unsigned shards, uint64_t asked, struct error *error);
/* The same of what all shards have together: --dict-memory, --tier-memory, --backend-memory; `option` without the
 * dashes. */
bool limits_shared_cache(uint64_t memory, const char *option, uint64_t asked, struct error *error);
