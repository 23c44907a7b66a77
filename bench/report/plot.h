/* bench/report/plot.h -- runs as a picture: a row for each job, with throughput over time, p50, p99 and p99.9 over
 * time, and latency by percentile; several runs in colours of their own, one over the other. SVG, which every browser
 * shows. */
#pragma once

#include "bench/figures/figures.h"
#include "runtime/base/buffer.h"

enum { PLOT_RUNS_MAX = 6 };

struct plot_run {
    const char *label; /* the file's name */
    const struct run_figures *figures;
};

/* `count` from 1 to PLOT_RUNS_MAX. Jobs of one name share a row. */
void plot_runs(const struct plot_run *runs, unsigned count, struct buffer *to);
