/* bench/report/text.c -- lines of a report. */
#include "bench/report/text.h"

#include <stdio.h>

void latency_text(double microseconds, char ret_text[LATENCY_TEXT_BYTES])
{
    if (microseconds < 1000)
        (void)snprintf(ret_text, LATENCY_TEXT_BYTES, "%.0f us", microseconds);
    else if (microseconds < 1e6)
        (void)snprintf(ret_text, LATENCY_TEXT_BYTES, "%.2f ms", microseconds / 1e3);
    else
        (void)snprintf(ret_text, LATENCY_TEXT_BYTES, "%.2f s", microseconds / 1e6);
}

static void put_line(const struct line_figures *line, double seconds, struct buffer *to)
{
    char texts[5][LATENCY_TEXT_BYTES];
    static const unsigned SHOWN[] = {FIGURES_P50, FIGURES_P90, FIGURES_P99, FIGURES_P999, FIGURES_LONGEST};
    for (unsigned i = 0; i < 5; i++)
        latency_text(line->percentile_us[SHOWN[i]], texts[i]);
    buffer_append_format(to, "  %-12s %10llu %10.0f/s %9.1f MiB/s %10s %10s %10s %10s %10s %8llu\n", line->name,
                         (unsigned long long)line->count, line_per_second(line, seconds),
                         line_mib_per_second(line, seconds), texts[0], texts[1], texts[2], texts[3], texts[4],
                         (unsigned long long)line->failures);
}

static void put_loop(const struct job_figures *job, struct buffer *to)
{
    if (job->is_open)
        buffer_append_format(to, "open loop, %.0f requests a second were due, latency from when each was due",
                             job->rate);
    else
        buffer_append_string(to, "closed loop (a server that stalls is asked less)");
}

static void put_job(const struct job_figures *job, struct buffer *to)
{
    buffer_append_format(to, "\n%s: %.2f s, %u connections, ", job->name, job->seconds, job->connections);
    put_loop(job, to);
    buffer_append_format(to, "\n  %-12s %10s %12s %15s %10s %10s %10s %10s %10s %8s\n", "", "requests", "", "", "p50",
                         "p90", "p99", "p99.9", "longest", "failures");
    for (unsigned i = 0; i < job->operations_count; i++)
        put_line(&job->operations[i], job->seconds, to);
    if (job->operations_count != 1)
        put_line(&job->all, job->seconds, to);
    for (unsigned i = 0; i < job->endpoints_count; i++)
        put_line(&job->endpoints[i], job->seconds, to);
    if (job->server_cpu_us > 0)
        buffer_append_format(to, "  the server took %.1f us of processor time for each request\n", job->server_cpu_us);
    if (job->failure[0] != '\0')
        buffer_append_format(to, "  the first failure: %s\n", job->failure);
    if (job->not_begun > 0)
        buffer_append_format(to,
                             "  WARNING: %llu requests were due and never begun, no connection was free: the server is "
                             "slower than the rate, or iodepth is too small\n",
                             (unsigned long long)job->not_begun);
}

void report_text(const struct run_figures *figures, struct buffer *to)
{
    for (unsigned i = 0; i < figures->jobs_count; i++)
        put_job(&figures->jobs[i], to);
    buffer_append_format(to, "\nbale-bench itself took %.0f %% of one processor", run_client_share(figures) * 100);
    if (figures->server_anonymous_bytes > 0)
        buffer_append_format(to, "; the server's memory (RssAnon) was at most %.1f MiB",
                             (double)figures->server_anonymous_bytes / (1 << 20));
    buffer_append_byte(to, '\n');
    if (run_client_share(figures) >= FIGURES_CLIENT_SHARE_MAX)
        buffer_append_string(to,
                             "WARNING: bale-bench itself was the limit: rates and latencies say what it can do, not "
                             "the server (bale-bench self-test)\n");
}
