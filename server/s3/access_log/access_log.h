/* server/s3/access_log/access_log.h -- access logs of buckets (statements 601 to 606), of one shard.
 *
 * A request to a bucket that logs leaves a line here, in memory: it never waits, and where there is no room the line is
 * lost, and counted. A fiber of the shard writes what has been gathered for --access-log-period, or has become large,
 * as an object of the target bucket; each shard of each process its own objects, under names of their own. What the
 * store does not take is tried again while there is room. At a stop all of it is written once more.
 *
 * Lines that a crash loses are counted by the next start (access_tally.h). */
#pragma once

#include "runtime/fiber/fiber.h"
#include "runtime/fiber/loop.h"
#include "runtime/metrics.h"
#include "server/object/object.h"
#include "server/s3/access_log/access_line.h"
#include "server/s3/access_log/access_tally.h"
#include "server/settings/settings.h"

enum {
    ACCESS_LOG_BYTES_MAX = 8 << 20,        /* of a shard, all that waits */
    ACCESS_LOG_OBJECT_BYTES_MAX = 2 << 20, /* one that is as large is written at once */
};

struct access_log;

/* Pointers are borrowed. */
struct access_log_options {
    struct bucket_store *store;
    struct object_codecs *codecs;
    struct settings *bucket_settings;
    const struct clock *clock;
    const char *region;
    uint64_t period_ms;
    struct access_tally_slot *tally; /* of this shard; NULL: none is kept */
    uint64_t lines_lost_before;      /* that this shard counts */
};

struct access_log_counters {
    metric_counter lines;
    metric_counter lines_lost; /* no room, or nowhere to put them */
    metric_counter objects;
    metric_counter failures; /* writes that did not work, and were or will be tried again */
    metric_counter bytes_waiting;
};

struct access_log *access_log_create(const struct access_log_options *options);
void access_log_destroy(struct access_log *log);
const struct access_log_counters *access_log_counters(const struct access_log *log);

/* A line of a request to the bucket `source`, whose setting is `document`. Does not suspend. */
void access_log_add(struct access_log *log, const struct bucket_info *source, struct span document,
                    const struct access_line *line);

/* Spawns the fiber that writes. */
bool access_log_start(struct access_log *log, struct error *error);
/* Ends it, and writes what is left, as far as that goes until the deadline. No line may be added any more. */
SUSPENDS void access_log_stop(struct access_log *log, deadline_t deadline);
