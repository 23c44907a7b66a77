/* bench/report/bars.c -- the grammar of bars, and holding figures against them. */
#include "bench/report/bars.h"

#include "runtime/base/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading ---- */

static const char *const FIGURE_NAMES[BAR_FIGURES] = {"mean",    "p50",  "p90", "p99",      "p99.9",
                                                      "longest", "rate", "mib", "failures", "cpu"};

static bool refuse(struct span text, struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID, NULL,
                     "the bar \"%.*s\" %s; a bar is get.p99<5ms, mix/put.rate>=100, get.rate>0.95x",
                     SPAN_FORMAT(span_take(text, 60)), what);
}

static bool find_figure(struct span name, enum bar_figure *ret_figure)
{
    for (unsigned i = 0; i < BAR_FIGURES; i++) {
        if (!span_equal(name, span_from_string(FIGURE_NAMES[i])))
            continue;
        *ret_figure = (enum bar_figure)i;
        return true;
    }
    return false;
}

static bool is_latency(enum bar_figure figure)
{
    return figure <= BAR_LONGEST;
}

static bool take_value(const char *text, struct bar *bar)
{
    static const struct {
        const char *name;
        double us;
    } UNITS[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}};
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    bar->value = strtod(text, &end);
    bar->is_relative = strcmp(end, "x") == 0;
    if (!isfinite(bar->value) || bar->is_relative || !is_latency(bar->figure))
        return isfinite(bar->value) && (bar->is_relative || *end == '\0');
    for (unsigned i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (strcmp(end, UNITS[i].name) != 0)
            continue;
        bar->value *= UNITS[i].us;
        return true;
    }
    return false;
}

bool bar_parse(struct span text, struct bar *ret_bar, struct error *error)
{
    *ret_bar = (struct bar){0};
    text = span_trim(text);
    if (text.size >= BAR_TEXT_BYTES || span_find(text, '\0') != SIZE_MAX)
        return refuse(text, error, "is too long");
    (void)snprintf(ret_bar->text, sizeof ret_bar->text, "%.*s", SPAN_FORMAT(text));
    size_t sign = strcspn(ret_bar->text, "<>");
    size_t dot = strcspn(ret_bar->text, ".");
    if (sign == text.size || dot == 0 || dot >= sign)
        return refuse(text, error, "has no name, figure and comparison");
    (void)snprintf(ret_bar->name, sizeof ret_bar->name, "%.*s", (int)dot, ret_bar->text);
    ret_bar->is_least = ret_bar->text[sign] == '>';
    ret_bar->allows_equal = ret_bar->text[sign + 1] == '=';
    if (!find_figure(span_of(ret_bar->text + dot + 1, sign - dot - 1), &ret_bar->figure))
        return refuse(text, error, "asks for none of mean p50 p90 p99 p99.9 longest rate mib failures cpu");
    if (!take_value(ret_bar->text + sign + 1 + ret_bar->allows_equal, ret_bar))
        return refuse(text, error, "has no value with a unit that fits (latencies: us, ms, s)");
    return true;
}

/* ---- holding ---- */

static double figure_of(const struct bar *bar, const struct job_figures *job, const struct line_figures *line)
{
    switch (bar->figure) {
    case BAR_MEAN:
        return line->mean_us;
    case BAR_P50:
        return line->percentile_us[FIGURES_P50];
    case BAR_P90:
        return line->percentile_us[FIGURES_P90];
    case BAR_P99:
        return line->percentile_us[FIGURES_P99];
    case BAR_P999:
        return line->percentile_us[FIGURES_P999];
    case BAR_LONGEST:
        return line->percentile_us[FIGURES_LONGEST];
    case BAR_RATE:
        return line_per_second(line, job->seconds);
    case BAR_MIB:
        return line_mib_per_second(line, job->seconds);
    case BAR_FAILURES:
        return (double)line->failures;
    case BAR_CPU:
        return job->server_cpu_us;
    case BAR_FIGURES:
        break;
    }
    UNREACHABLE();
}

/* The line of a job that the bar means; NULL: none. `are_jobs_named`: a job has the bar's name. */
static const struct line_figures *line_meant(const struct bar *bar, const struct job_figures *job, bool are_jobs_named)
{
    size_t job_size = strcspn(bar->name, "/");
    bool has_kind = bar->name[job_size] == '/';
    bool is_job = strlen(job->name) == job_size && strncmp(job->name, bar->name, job_size) == 0;
    if (is_job && !has_kind)
        return &job->all;
    if (!is_job && (has_kind || are_jobs_named))
        return NULL;
    const char *kind = has_kind ? bar->name + job_size + 1 : bar->name;
    for (unsigned i = 0; i < job->operations_count; i++)
        if (strcmp(job->operations[i].name, kind) == 0)
            return &job->operations[i];
    return NULL;
}

static bool names_a_job(const struct bar *bar, const struct run_figures *run)
{
    for (unsigned i = 0; i < run->jobs_count; i++)
        if (strcmp(run->jobs[i].name, bar->name) == 0)
            return true;
    return false;
}

/* What it must be held against; NAN: the first run has no such line. */
static double threshold(const struct bar *bar, const char *job_name, const struct run_figures *base)
{
    if (!bar->is_relative)
        return bar->value;
    for (unsigned i = 0; i < base->jobs_count; i++) {
        const struct line_figures *line = line_meant(bar, &base->jobs[i], names_a_job(bar, base));
        if (line != NULL && strcmp(base->jobs[i].name, job_name) == 0)
            return bar->value * figure_of(bar, &base->jobs[i], line);
    }
    return NAN;
}

static bool compare(const struct bar *bar, double found, double wanted)
{
    if (found == wanted)
        return bar->allows_equal;
    return bar->is_least ? found > wanted : found < wanted; /* false for NAN */
}

/* A line without an answer has no latencies that could be good. */
static bool has_figure(const struct bar *bar, const struct line_figures *line)
{
    return line->count > 0 || bar->figure == BAR_FAILURES || bar->figure == BAR_RATE || bar->figure == BAR_MIB;
}

bool bar_holds(const struct bar *bar, const struct run_figures *run, const struct run_figures *base, struct buffer *to)
{
    bool is_held = true;
    unsigned meant = 0;
    for (unsigned i = 0; i < run->jobs_count; i++) {
        const struct job_figures *job = &run->jobs[i];
        const struct line_figures *line = line_meant(bar, job, names_a_job(bar, run));
        if (line == NULL)
            continue;
        double found = figure_of(bar, job, line);
        double wanted = threshold(bar, job->name, base);
        bool good = has_figure(bar, line) && compare(bar, found, wanted);
        buffer_append_format(to, "  %s %s: %s is %.6g, bar %.6g%s\n", good ? "held  " : "MISSED", bar->text, job->name,
                             found, wanted, is_latency(bar->figure) ? " (us)" : "");
        is_held = is_held && good;
        meant++;
    }
    if (meant == 0)
        buffer_append_format(to, "  MISSED %s: there is no such job and no such request\n", bar->text);
    return is_held && meant > 0;
}
