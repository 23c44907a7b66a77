/* server/recompact/recompactor.h -- packs anew, at a higher level, what has lain for a while, when nothing else wants
 * the processor: --recompact idle, of the store in a folder.
 *
 * Again and again one walk over all versions keeps those that are most worth it (candidates.h), which are packed one
 * after the other, the best first, each once a level (object_attributes.level_tried). All computing is left to an idle
 * thread; shard 0 moves the bytes. Before each frame of 1 MiB it waits:
 *
 *   - until no shard was busy for half of the last 100 ms;
 *   - for --recompact-pace;
 *   - for a minute, where a cgroup's quota of processor time is nearly used up (quota.h);
 *   - and for the next day, when as much has been written as a twentieth of what is stored: disks wear.
 *
 * An object whose first frame does not shrink by 5 percent is left, and that is noted. One that somebody replaces
 * meanwhile is dropped. All of it belongs to shard 0; counters can be read from any thread. */
#pragma once

#include "runtime/fiber/offload.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/pace.h"
#include "runtime/metrics.h"
#include "server/object/class_levels.h"
#include "server/object/object.h"
#include "server/recompact/candidates.h"
#include "server/recompact/quota.h"
#include "store/bucket.h"

struct recompact_counters {
    metric_counter walks;
    metric_counter packed; /* versions */
    metric_counter bytes_before;
    metric_counter bytes_after;
    metric_counter no_gain;
    metric_counter changed;
    metric_counter failed;
    metric_counter written_bytes; /* for nothing, too */
    metric_counter waits_busy;    /* of 100 ms each */
    metric_counter waits_quota;   /* of a minute each */
    metric_counter waits_wear;    /* of a second each */
};

struct recompactor {
    /* Given: */
    struct bucket_store *store; /* rewrites */
    struct offload *thread;     /* an idle one (offload_make_idle), which others may use as well */
    const struct class_levels *classes;
    uint64_t after_ms; /* what was changed later is left */
    uint64_t pace;     /* original bytes a second */
    bool has_columns;
    unsigned shards_count;
    const struct loop_counters *(*find_loop)(void *context, unsigned shard);
    void *context;

    struct recompact_counters counters;

    /* Its own: */
    struct object_codecs *codecs;
    struct pace spent;
    struct candidates candidates;
    struct gains gains;
    uint64_t stored_seen; /* by the walk under way, and by the last one */
    uint64_t stored_bytes;
    deadline_t walk_ns;
    deadline_t day_ns;                   /* the end of the day in which ... */
    uint64_t day_written;                /* ... so much was written */
    char quota_folder[QUOTA_PATH_BYTES]; /* "": no quota */
    struct quota quota;
    uint64_t quota_ns; /* when that was read */
    bool is_ending;
    bool is_inside; /* its fiber has not ended */
    struct wait_queue wake;
    struct wait_queue ended;
};

/* Shard 0, with its loop; all shards must be there. */
bool recompactor_start(struct recompactor *recompactor, struct error *error);
/* What is half packed is dropped. May be called when it was never started. */
SUSPENDS void recompactor_stop(struct recompactor *recompactor);
/* After the loop has ended. */
void recompactor_free(struct recompactor *recompactor);
