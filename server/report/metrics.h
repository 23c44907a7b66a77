/* server/report/metrics.h -- what a shard counts of its requests. Written by the shard alone, read by anybody
 * (runtime/metrics.h).
 *
 * Labels are bounded: operations, S3 error codes and codecs come from tables, statuses from the list here. Names of
 * buckets, keys and accounts never become labels. */
#pragma once

#include "codec/codec.h"
#include "runtime/metrics.h"
#include "server/s3/s3.h"

enum {
    METRICS_STATUSES = 20,
    METRICS_CODES_MAX = 128, /* S3 error codes */
};

struct shard_metrics {
    metric_counter requests[S3_OPERATIONS][METRICS_STATUSES];
    struct metric_histogram durations[S3_OPERATIONS];
    metric_counter refusals[METRICS_CODES_MAX];
    metric_counter access_refusals[ACCESS_SOURCES]; /* those of them that are about rights, by what decided */
    metric_counter codecs_written[CODECS_COUNT];
#define SHARD_COUNTER(name, help) metric_counter name;
#include "server/report/metrics.def"
#undef SHARD_COUNTER
};

/* Counts one request. On the shard's thread. */
void metrics_observe(struct shard_metrics *metrics, const struct http_exchange *exchange,
                     const struct s3_outcome *outcome);

/* The status that stands for `index`; 0: no answer, 1: any that is not in the list. */
int metrics_status(unsigned index);
