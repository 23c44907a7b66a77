/* bench/report/figures_json.h -- a run's figures as JSON, written and read again. docs/bench.md has the members. */
#pragma once

#include "bench/figures/figures.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"

void figures_json_write(const struct run_figures *figures, struct buffer *to);
/* ERROR_INVALID: it is no JSON, not of bale-bench, or lacks a member; numbers that are none count as 0, as those do
 * that no run can have. On failure *ret_figures is empty. */
bool figures_json_read(struct span text, struct run_figures *ret_figures, struct error *error);
bool figures_json_load(const char *path, struct run_figures *ret_figures, struct error *error);
