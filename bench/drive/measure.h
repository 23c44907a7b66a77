/* bench/drive/measure.h -- what a job's requests have taken, counted as they end; and each second for itself. */
#pragma once

#include "bench/figures/figures.h"
#include "bench/figures/hdr_histogram.h"

/* Of one kind of request, or one endpoint. */
struct tally {
    struct hdr_histogram *latencies; /* NULL: there was no such request */
    uint64_t failures;
    uint64_t bytes;
};

struct measure {
    struct tally operations[OPERATIONS];
    struct tally endpoints[JOB_ENDPOINTS_MAX];
    struct tally second; /* the one that goes on */
    struct point_figures *points;
    unsigned points_count;
    char failure[FIGURES_FAILURE_BYTES];
};

/* One request that has ended. */
struct outcome {
    enum operation operation;
    unsigned endpoint;
    uint64_t latency_ns;
    uint64_t bytes;
    const char *failure; /* NULL: all was as it should be */
};

void measure_begin(struct measure *measure);
void measure_end(struct measure *measure);
void measure_note(struct measure *measure, const struct outcome *outcome);
/* The second is over, or cut short: it becomes a point. The caller looks at measure->second.latencies before it clears
 * the second. */
const struct point_figures *measure_point(struct measure *measure, double at_s);
void measure_clear_second(struct measure *measure);
/* Lines for what there was of each kind, one for all, points, and the first failure; `endpoints` are named `urls`, and
 * get lines where there are several. The points are the figures' from then on. */
void measure_figures(struct measure *measure, const char *const *urls, unsigned urls_count,
                     struct job_figures *ret_figures);
