/* bench/report/live_line.h -- how a run goes: one line on standard error, redrawn each second, where that is a
 * terminal.
 */
#pragma once

#include "bench/drive/run.h"

struct live_line {
    bool is_wanted;
    bool is_drawn;
};

void live_line_begin(struct live_line *line, bool is_quiet);
void live_line_show(struct live_line *line, const struct run_second *second);
/* The line goes. */
void live_line_end(struct live_line *line);
