/* bench/figures/figures.h -- what a run has found: plain data, which reports print, JSON keeps, and analyze compares.
 *
 * Latencies are microseconds, in a closed loop from the sending of a request to the last byte of its answer, in an open
 * loop from when it was due. */
#pragma once

#include "bench/job/job.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FIGURES_PERCENTILES_COUNT = 13,
    FIGURES_P50 = 3,
    FIGURES_P90 = 5,
    FIGURES_P99 = 7,
    FIGURES_P999 = 9,
    FIGURES_LONGEST = 12,
    FIGURES_NAME_BYTES = 80,
    FIGURES_FAILURE_BYTES = 256,
    FIGURES_POINTS_MAX = 100000, /* seconds: more than a day */
};

/* The percentiles that are kept; the last, 100, is the longest. */
extern const double figures_percentiles[FIGURES_PERCENTILES_COUNT];

/* Of one kind of request, or of one endpoint. */
struct line_figures {
    char name[FIGURES_NAME_BYTES];
    uint64_t count; /* that were answered as they should be */
    uint64_t failures;
    uint64_t bytes; /* of bodies, in the direction that matters */
    double mean_us;
    double percentile_us[FIGURES_PERCENTILES_COUNT];
};

/* Of one second. */
struct point_figures {
    double at_s; /* its end, from the beginning of what is measured */
    uint64_t count;
    uint64_t failures;
    uint64_t bytes;
    double p50_us, p99_us, p999_us, longest_us;
};

struct job_figures {
    char name[JOB_NAME_BYTES];
    bool is_open; /* an open loop */
    double rate;  /* that was wanted of it, per second */
    unsigned connections;
    double seconds;     /* that were measured */
    uint64_t not_begun; /* requests that were due, and for which no connection was free before time was over */
    char failure[FIGURES_FAILURE_BYTES]; /* the first; "": none */
    struct line_figures all;
    struct line_figures *operations;
    unsigned operations_count;
    struct line_figures *endpoints; /* where there are several */
    unsigned endpoints_count;
    struct point_figures *points;
    unsigned points_count;
    double server_cpu_us; /* for each request, while the job ran; 0: not watched */
    double client_share;  /* of a processor that bale-bench itself took meanwhile, at most 1 */
};

struct run_figures {
    int64_t started_ms;              /* since 1970 */
    double client_share;             /* of a processor that bale-bench itself took while jobs ran, at most 1 */
    uint64_t server_anonymous_bytes; /* the most that was seen; 0: not watched */
    struct job_figures *jobs;
    unsigned jobs_count;
};

void run_figures_free(struct run_figures *figures);

/* The most of its jobs'. */
double run_client_share(const struct run_figures *figures);

double line_per_second(const struct line_figures *line, double seconds);
double line_mib_per_second(const struct line_figures *line, double seconds);

/* At least this share of a processor, and the client was what held the server back. */
#define FIGURES_CLIENT_SHARE_MAX 0.9
