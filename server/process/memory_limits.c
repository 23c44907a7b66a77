/* server/process/memory_limits.c -- what the shards' caches and reserves come to, and what there is. */
#include "server/process/memory_limits.h"

#include "runtime/base/assert.h"

#include <unistd.h>

uint64_t memory_of_machine(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    ASSERT(pages > 0 && page_bytes > 0);
    return (uint64_t)pages * (uint64_t)page_bytes;
}

enum { MIB = 1 << 20 };

bool limits_frame_cache(uint64_t memory, unsigned shards, uint64_t asked, struct error *error)
{
    ASSERT(shards > 0);
    if (asked <= FRAME_CACHE_ALWAYS_BYTES || asked <= memory / shards)
        return true;
    return error_set(error, ERROR_INVALID, NULL,
                     "--frame-cache: %llu MiB for each of %u shards are more than this machine's memory (%llu MiB); "
                     "each may have up to %llu MiB",
                     (unsigned long long)asked / MIB, shards, (unsigned long long)memory / MIB,
                     (unsigned long long)memory / shards / MIB);
}

bool limits_shared_cache(uint64_t memory, const char *option, uint64_t asked, struct error *error)
{
    if (asked <= SHARED_CACHE_ALWAYS_BYTES || asked <= memory)
        return true;
    return error_set(error, ERROR_INVALID, NULL, "--%s: %llu MiB are more than this machine's memory (%llu MiB)",
                     option, (unsigned long long)asked / MIB, (unsigned long long)memory / MIB);
}
