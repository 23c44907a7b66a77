/* bench/report/figures_json_write.c -- figures to JSON. */
#include "bench/report/figures_json.h"

/* Names come from options and URLs, failures from servers: what would end a string is escaped. */
static void put_string(const char *text, struct buffer *to)
{
    buffer_append_byte(to, '"');
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\' || byte < ' ' || byte >= 0x7f)
            buffer_append_format(to, "\\u%04x", byte);
        else
            buffer_append_byte(to, byte);
    }
    buffer_append_byte(to, '"');
}

static void put_line(const struct line_figures *line, double seconds, struct buffer *to)
{
    buffer_append_string(to, "{\"name\": ");
    put_string(line->name, to);
    buffer_append_format(to,
                         ", \"count\": %llu, \"failures\": %llu, \"bytes\": %llu, \"per_second\": %.2f, "
                         "\"mib_per_second\": %.3f, \"mean_us\": %.2f, \"percentiles_us\": {",
                         (unsigned long long)line->count, (unsigned long long)line->failures,
                         (unsigned long long)line->bytes, line_per_second(line, seconds),
                         line_mib_per_second(line, seconds), line->mean_us);
    for (unsigned i = 0; i < FIGURES_PERCENTILES_COUNT; i++)
        buffer_append_format(to, "%s\"%g\": %.2f", i == 0 ? "" : ", ", figures_percentiles[i], line->percentile_us[i]);
    buffer_append_string(to, "}}");
}

static void put_lines(const char *name, const struct line_figures *lines, unsigned count, double seconds,
                      struct buffer *to)
{
    buffer_append_format(to, ",\n   \"%s\": [", name);
    for (unsigned i = 0; i < count; i++) {
        buffer_append_string(to, i == 0 ? "\n    " : ",\n    ");
        put_line(&lines[i], seconds, to);
    }
    buffer_append_byte(to, ']');
}

static void put_points(const struct job_figures *job, struct buffer *to)
{
    buffer_append_string(to, ",\n   \"seconds_each\": [");
    for (unsigned i = 0; i < job->points_count; i++) {
        const struct point_figures *point = &job->points[i];
        buffer_append_format(to,
                             "%s{\"at\": %.3f, \"count\": %llu, \"failures\": %llu, \"bytes\": %llu, \"p50_us\": %.2f, "
                             "\"p99_us\": %.2f, \"p999_us\": %.2f, \"longest_us\": %.2f}",
                             i == 0 ? "\n    " : ",\n    ", point->at_s, (unsigned long long)point->count,
                             (unsigned long long)point->failures, (unsigned long long)point->bytes, point->p50_us,
                             point->p99_us, point->p999_us, point->longest_us);
    }
    buffer_append_byte(to, ']');
}

static void put_job(const struct job_figures *job, struct buffer *to)
{
    buffer_append_string(to, "{\"name\": ");
    put_string(job->name, to);
    buffer_append_format(to,
                         ", \"loop\": \"%s\", \"rate\": %.0f, \"connections\": %u, \"seconds\": %.6f, \"not_begun\": "
                         "%llu, \"server_cpu_us\": %.3f, \"client_share\": %.4f, \"failure\": ",
                         job->is_open ? "open" : "closed", job->rate, job->connections, job->seconds,
                         (unsigned long long)job->not_begun, job->server_cpu_us, job->client_share);
    put_string(job->failure, to);
    buffer_append_string(to, ",\n   \"all\": ");
    put_line(&job->all, job->seconds, to);
    put_lines("operations", job->operations, job->operations_count, job->seconds, to);
    put_lines("endpoints", job->endpoints, job->endpoints_count, job->seconds, to);
    put_points(job, to);
    buffer_append_byte(to, '}');
}

void figures_json_write(const struct run_figures *figures, struct buffer *to)
{
    buffer_append_format(to,
                         "{\"format\": \"bale-bench 1\", \"version\": \"%s\", \"started_ms\": %lld, \"client_share\": "
                         "%.4f, \"client_was_the_limit\": %s, \"server_anonymous_bytes\": %llu,\n \"jobs\": [",
                         BALE_VERSION, (long long)figures->started_ms, run_client_share(figures),
                         run_client_share(figures) >= FIGURES_CLIENT_SHARE_MAX ? "true" : "false",
                         (unsigned long long)figures->server_anonymous_bytes);
    for (unsigned i = 0; i < figures->jobs_count; i++) {
        buffer_append_string(to, i == 0 ? "\n  " : ",\n  ");
        put_job(&figures->jobs[i], to);
    }
    buffer_append_string(to, "]}\n");
}
