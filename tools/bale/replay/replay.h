/* tools/bale/replay/replay.h -- what a tier of some size would have had of the requests in a log (store/tier/model.h).
 *
 * As a server does, it keeps nothing of the first request for a revision that it has neither seen nor written. It
 * remembers the last one of each key, in some 100 bytes at most. One thread. */
#pragma once

#include "store/tier/model.h"
#include "tools/bale/replay/logged_request.h"

enum { REPLAY_LINE_BYTES_MAX = 256 << 10 };

struct replay_figures {
    uint64_t lines;
    uint64_t reads;
    uint64_t reads_unplaced; /* left out */
    uint64_t reads_near;     /* of `reads`: all bytes were there */
    uint64_t opens_near;     /* ... the first one was: a HEAD would have done */
    uint64_t bytes;
    uint64_t bytes_near;
    uint64_t keys;
    struct tier_model_figures tier;
};

/* `path` "-": standard input. A log without a read is an error. */
bool replay_log(const char *path, uint64_t disk_bytes, struct replay_figures *ret_figures, struct error *error);
