/* bench/report/compare_runs.c -- samples of seconds, and what they say. */
#include "bench/report/compare_runs.h"

#include "bench/figures/statistics.h"
#include "runtime/base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES = 4 };

static const struct {
    const char *name;
    bool is_more_better;
} SERIES_KINDS[SERIES] = {{"requests/s", true}, {"MiB/s", true}, {"p50, us", false}, {"p99, us", false}};

static double sample(const struct point_figures *point, double length_s, unsigned series)
{
    switch (series) {
    case 0:
        return (double)point->count / length_s;
    case 1:
        return (double)point->bytes / (1 << 20) / length_s;
    case 2:
        return point->p50_us;
    default:
        return point->p99_us;
    }
}

/* Of whole seconds. One in which nothing was answered counts for rates, and has no latencies. */
static struct estimate estimate_series(const struct job_figures *job, unsigned series)
{
    double *samples = calloc(job->points_count + 1U, sizeof *samples);
    unsigned count = 0;
    double began_s = 0;
    ASSERT(samples != NULL);
    for (unsigned i = 0; i < job->points_count; i++) {
        double length_s = job->points[i].at_s - began_s;
        began_s = job->points[i].at_s;
        if (length_s > 0.9 && (series < 2 || job->points[i].count > 0))
            samples[count++] = sample(&job->points[i], length_s, series);
    }
    struct estimate estimate = estimate_of(samples, count);
    free(samples);
    return estimate;
}

static void put_estimate(struct estimate estimate, struct buffer *to)
{
    if (isfinite(estimate.half))
        buffer_append_format(to, " %12.1f +- %-9.1f", estimate.mean, estimate.half);
    else if (isnan(estimate.mean))
        buffer_append_format(to, " %12s %-12s", "-", "(none whole)");
    else
        buffer_append_format(to, " %12.1f %-12s", estimate.mean, "(1 second)");
}

static const char *verdict(struct estimate ratio, bool is_more_better)
{
    if (!isfinite(ratio.half))
        return "too few seconds to tell";
    if (!estimate_excludes(ratio, 1))
        return "no difference that is more than chance";
    return (ratio.mean > 1) == is_more_better ? "better" : "WORSE";
}

static void put_series(const struct job_figures *base, const struct job_figures *other, unsigned series,
                       struct buffer *to)
{
    struct estimate before = estimate_series(base, series);
    buffer_append_format(to, "  %-12s", SERIES_KINDS[series].name);
    put_estimate(before, to);
    if (other != NULL) {
        struct estimate after = estimate_series(other, series);
        struct estimate ratio = estimate_ratio(after, before);
        put_estimate(after, to);
        if (isfinite(ratio.half))
            buffer_append_format(to, " %7.3f (%.3f to %.3f)", ratio.mean, ratio.mean - ratio.half,
                                 ratio.mean + ratio.half);
        buffer_append_format(to, " %s", verdict(ratio, SERIES_KINDS[series].is_more_better));
    }
    buffer_append_byte(to, '\n');
}

static const struct job_figures *find_job(const struct run_figures *run, const char *name)
{
    for (unsigned i = 0; i < run->jobs_count; i++)
        if (strcmp(run->jobs[i].name, name) == 0)
            return &run->jobs[i];
    return NULL;
}

void compare_runs(const struct run_figures *base, const struct run_figures *other, struct buffer *to)
{
    for (unsigned i = 0; i < base->jobs_count; i++) {
        const struct job_figures *job = find_job(other, base->jobs[i].name);
        if (job == NULL)
            continue;
        buffer_append_format(to, "%s\n", job->name);
        for (unsigned series = 0; series < SERIES; series++)
            put_series(&base->jobs[i], job, series, to);
    }
}

void describe_run(const struct run_figures *run, struct buffer *to)
{
    for (unsigned i = 0; i < run->jobs_count; i++) {
        buffer_append_format(to, "%s\n", run->jobs[i].name);
        for (unsigned series = 0; series < SERIES; series++)
            put_series(&run->jobs[i], NULL, series, to);
    }
}
