/* bench/report/text.h -- the closing report of a run, for people. */
#pragma once

#include "bench/figures/figures.h"
#include "runtime/base/buffer.h"

void report_text(const struct run_figures *figures, struct buffer *to);

enum { LATENCY_TEXT_BYTES = 24 };
/* "231 us", "4.21 ms", "1.30 s" */
void latency_text(double microseconds, char ret_text[LATENCY_TEXT_BYTES]);
