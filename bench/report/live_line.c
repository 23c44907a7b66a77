/* bench/report/live_line.c -- rate, MiB/s, p50, p99, failures, time left. */
#include "bench/report/live_line.h"

#include "bench/report/text.h"

#include <stdio.h>
#include <unistd.h>

void live_line_begin(struct live_line *line, bool is_quiet)
{
    *line = (struct live_line){.is_wanted = !is_quiet && isatty(STDERR_FILENO) == 1};
}

void live_line_show(struct live_line *line, const struct run_second *second)
{
    const struct point_figures *point = second->point;
    char p50[LATENCY_TEXT_BYTES];
    char p99[LATENCY_TEXT_BYTES];
    char left[LATENCY_TEXT_BYTES] = "";
    double seconds = point->at_s - second->began_s;
    if (!line->is_wanted || seconds <= 0)
        return;
    latency_text(point->p50_us, p50);
    latency_text(point->p99_us, p99);
    if (second->left_s >= 0)
        (void)snprintf(left, sizeof left, ", %.0f s left", second->left_s);
    (void)fprintf(stderr, "\r\033[K%s: %.0f/s, %.1f MiB/s, p50 %s, p99 %s, %llu failures%s", second->job->name,
                  (double)point->count / seconds, (double)point->bytes / (1 << 20) / seconds, p50, p99,
                  (unsigned long long)point->failures, left);
    line->is_drawn = true;
}

void live_line_end(struct live_line *line)
{
    if (line->is_drawn)
        (void)fprintf(stderr, "\r\033[K");
    line->is_drawn = false;
}
