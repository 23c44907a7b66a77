/* bench/report/bars.h -- what a run must reach: "get.p99<5ms".
 *
 *     NAME.FIGURE<VALUE    or >, <=, >=
 *
 * NAME is a job, JOB/KIND a kind of request in it, and where no job has that name, a kind of request in every job that
 * has it. FIGURE and the unit of its VALUE:
 *
 *     mean p50 p90 p99 p99.9 longest   us, ms or s
 *     rate                             requests a second
 *     mib                              MiB a second
 *     failures                         how many
 *     cpu                              the server's, us for each request, of a whole job
 *
 * A VALUE that ends in x is that many times the same figure of the first run: "get.rate>0.95x". */
#pragma once

#include "bench/figures/figures.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

enum { BAR_TEXT_BYTES = 128 };

enum bar_figure {
    BAR_MEAN,
    BAR_P50,
    BAR_P90,
    BAR_P99,
    BAR_P999,
    BAR_LONGEST,
    BAR_RATE,
    BAR_MIB,
    BAR_FAILURES,
    BAR_CPU,
    BAR_FIGURES,
};

struct bar {
    char text[BAR_TEXT_BYTES]; /* as it was given */
    char name[BAR_TEXT_BYTES];
    enum bar_figure figure;
    bool is_least; /* > or >= */
    bool allows_equal;
    double value;
    bool is_relative;
};

/* ERROR_INVALID with what is wrong, and what a bar looks like. */
bool bar_parse(struct span text, struct bar *ret_bar, struct error *error);
/* Holds it for each line that it means? A bar that means none is missed. What was found is appended, a line each.
 * `base` is the first run. */
bool bar_holds(const struct bar *bar, const struct run_figures *run, const struct run_figures *base, struct buffer *to);
