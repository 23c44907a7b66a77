/* bench/report/compare_runs.h -- two runs beside each other: what changed, and whether that is more than chance. */
#pragma once

#include "bench/figures/figures.h"
#include "runtime/base/buffer.h"

/* A table of the jobs that both have: rate, MiB/s, p50 and p99 of each second as means with what lies 95 times in 100
 * around them, and their ratio. Seconds that are cut short at the end are left out. */
void compare_runs(const struct run_figures *base, const struct run_figures *other, struct buffer *to);
/* The same of one run, without ratios. */
void describe_run(const struct run_figures *run, struct buffer *to);
