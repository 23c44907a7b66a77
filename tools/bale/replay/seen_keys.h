/* tools/bale/replay/seen_keys.h -- the last revision of each key that a log spoke of. One thread. */
#pragma once

#include "runtime/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct seen_key {
    uint64_t hash;     /* of bucket and key; never 0 */
    uint64_t revision; /* a hash; 0: none was read yet */
    uint64_t writes;   /* how often the log said that it was written */
    bool is_written;   /* ... and was not read since */
};

struct seen_keys {
    struct seen_key *slots; /* a power of two; hash 0: free */
    uint64_t slots_count;
    uint64_t count;
};

bool seen_keys_init(struct seen_keys *keys, struct error *error);
void seen_keys_free(struct seen_keys *keys);
/* Its entry, made when it is not there, good until the next call. NULL: there is no memory for more. */
struct seen_key *seen_keys_at(struct seen_keys *keys, uint64_t hash, struct error *error);
