/* bench/report/plot.c -- panels, axes and lines. */
#include "bench/report/plot.h"

#include "bench/report/text.h"
#include "runtime/base/assert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    PANEL_WIDTH = 360,
    PANEL_HEIGHT = 180,
    LEFT = 70,   /* of a panel, for the numbers of its axis */
    TOP = 40,    /* of a row, for its names */
    BOTTOM = 40, /* of a row */
    LABEL = 14,  /* of each run's label at the head of the page */
    PANELS = 3,
    TICKS = 4,
    PERCENTILES_SHOWN = FIGURES_PERCENTILES_COUNT - 1, /* the longest stands at no finite place */
};

static const char *const COLOURS[PLOT_RUNS_MAX] = {"#1f6fb4", "#d95f02", "#2a9d5c", "#8e44ad", "#c0392b", "#7f7f7f"};
static const char *const DASHES[3] = {"none", "6 3", "2 3"}; /* p50, p99, p99.9 */

/* A panel: where it lies, and what its axes go up to. */
struct panel {
    double x, y;
    double x_most, y_most;
    double y_least; /* of a logarithmic axis; 0: it is linear */
};

static double place_x(const struct panel *panel, double value)
{
    return panel->x + value / panel->x_most * PANEL_WIDTH;
}

static double place_y(const struct panel *panel, double value)
{
    double share = value / panel->y_most;
    if (panel->y_least > 0)
        share = value <= panel->y_least ? 0 : log(value / panel->y_least) / log(panel->y_most / panel->y_least);
    return panel->y + PANEL_HEIGHT * (1 - share);
}

static void put_text(struct buffer *to, double x, double y, const char *anchor, const char *text)
{
    buffer_append_format(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '&' || byte == '<' || byte == '>' || byte == '"')
            buffer_append_format(to, "&#%u;", byte);
        else
            buffer_append_byte(to, byte < ' ' || byte >= 0x7f ? '?' : byte);
    }
    buffer_append_string(to, "</text>\n");
}

/* ---- axes ---- */

static void put_frame(struct buffer *to, const struct panel *panel, const char *title)
{
    buffer_append_format(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#999\"/>\n",
                         panel->x, panel->y, PANEL_WIDTH, PANEL_HEIGHT);
    put_text(to, panel->x, panel->y - 6, "start", title);
}

static void put_y_tick(struct buffer *to, const struct panel *panel, double value, bool is_latency)
{
    char text[LATENCY_TEXT_BYTES];
    double y = place_y(panel, value);
    if (is_latency)
        latency_text(value, text);
    else
        (void)snprintf(text, sizeof text, "%.4g", value);
    buffer_append_format(to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", panel->x, y,
                         panel->x + PANEL_WIDTH, y);
    put_text(to, panel->x - 4, y + 4, "end", text);
}

static void put_y_ticks(struct buffer *to, const struct panel *panel, bool is_latency)
{
    for (unsigned i = 0; i <= TICKS; i++) {
        double share = (double)i / TICKS;
        put_y_tick(to, panel,
                   panel->y_least > 0 ? panel->y_least * pow(panel->y_most / panel->y_least, share)
                                      : panel->y_most * share,
                   is_latency);
    }
}

static void put_seconds(struct buffer *to, const struct panel *panel)
{
    for (unsigned i = 0; i <= TICKS; i++) {
        char text[LATENCY_TEXT_BYTES];
        double value = panel->x_most * i / TICKS;
        (void)snprintf(text, sizeof text, "%.3g s", value);
        put_text(to, place_x(panel, value), panel->y + PANEL_HEIGHT + 16, "middle", text);
    }
}

/* ---- lines ---- */

static void begin_line(struct buffer *to, const char *colour, const char *dashes)
{
    buffer_append_format(to,
                         "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" stroke-dasharray=\"%s\" points=\"",
                         colour, dashes);
}

static void put_place(struct buffer *to, const struct panel *panel, double x, double y)
{
    buffer_append_format(to, "%.1f,%.1f ", place_x(panel, x), place_y(panel, y));
}

static void end_line(struct buffer *to)
{
    buffer_append_string(to, "\"/>\n");
}

static double length_of(const struct job_figures *job, unsigned i)
{
    return job->points[i].at_s - (i == 0 ? 0 : job->points[i - 1].at_s);
}

static double rate_at(const struct job_figures *job, unsigned i)
{
    double length_s = length_of(job, i);
    return length_s > 0 ? (double)job->points[i].count / length_s : 0;
}

/* What was cut short at the end is too short to be a rate, unless it is all there is. */
static bool is_shown(const struct job_figures *job, unsigned i)
{
    return length_of(job, i) > 0.2 || job->points_count == 1;
}

static double latency_at(const struct point_figures *point, unsigned which)
{
    return which == 0 ? point->p50_us : which == 1 ? point->p99_us : point->p999_us;
}

/* 90 % is as far from 99 % as that is from 99.9 %. */
static double percentile_place(double percent)
{
    return -log10(1 - percent / 100);
}

/* ---- a row: the same job of all runs ---- */

struct row {
    const struct job_figures *jobs[PLOT_RUNS_MAX]; /* NULL: that run has none */
    unsigned count;
    double seconds, rate; /* the most */
    double latency_least, latency_most;
};

static void widen(struct row *row, double latency_us)
{
    if (latency_us <= 0)
        return;
    if (row->latency_least == 0 || latency_us < row->latency_least)
        row->latency_least = latency_us;
    if (latency_us > row->latency_most)
        row->latency_most = latency_us;
}

static void measure_row(struct row *row)
{
    for (unsigned i = 0; i < row->count; i++) {
        const struct job_figures *job = row->jobs[i];
        for (unsigned j = 0; job != NULL && j < job->points_count; j++) {
            row->seconds = fmax(row->seconds, job->points[j].at_s);
            row->rate = fmax(row->rate, is_shown(job, j) ? rate_at(job, j) : 0);
            for (unsigned which = 0; which < 3; which++)
                widen(row, latency_at(&job->points[j], which));
        }
        for (unsigned j = 0; job != NULL && j < PERCENTILES_SHOWN; j++)
            widen(row, job->all.percentile_us[j]);
    }
    row->seconds = row->seconds > 0 ? row->seconds : 1;
    row->rate = row->rate > 0 ? row->rate * 1.05 : 1;
    row->latency_least = row->latency_least > 0 ? row->latency_least * 0.9 : 1;
    row->latency_most = fmax(row->latency_most * 1.1, row->latency_least * 2);
}

static void put_throughput(struct buffer *to, const struct row *row, const struct panel *panel)
{
    put_frame(to, panel, "requests a second");
    put_y_ticks(to, panel, false);
    put_seconds(to, panel);
    for (unsigned i = 0; i < row->count; i++) {
        const struct job_figures *job = row->jobs[i];
        if (job == NULL)
            continue;
        begin_line(to, COLOURS[i], "none");
        for (unsigned j = 0; j < job->points_count; j++)
            if (is_shown(job, j))
                put_place(to, panel, job->points[j].at_s, rate_at(job, j));
        end_line(to);
    }
}

static void put_latencies(struct buffer *to, const struct row *row, const struct panel *panel)
{
    put_frame(to, panel, "latency: p50, p99 (dashed), p99.9 (dotted)");
    put_y_ticks(to, panel, true);
    put_seconds(to, panel);
    for (unsigned i = 0; i < row->count; i++) {
        const struct job_figures *job = row->jobs[i];
        for (unsigned which = 0; job != NULL && which < 3; which++) {
            begin_line(to, COLOURS[i], DASHES[which]);
            for (unsigned j = 0; j < job->points_count; j++)
                if (job->points[j].count > 0 && is_shown(job, j))
                    put_place(to, panel, job->points[j].at_s, latency_at(&job->points[j], which));
            end_line(to);
        }
    }
}

static void put_percentiles(struct buffer *to, const struct row *row, const struct panel *panel)
{
    static const double NAMED[] = {0, 50, 90, 99, 99.9, 99.99};
    put_frame(to, panel, "latency by percentile");
    put_y_ticks(to, panel, true);
    for (unsigned i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        char text[LATENCY_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "%g", NAMED[i]);
        put_text(to, place_x(panel, percentile_place(NAMED[i])), panel->y + PANEL_HEIGHT + 16, "middle", text);
    }
    for (unsigned i = 0; i < row->count; i++) {
        const struct job_figures *job = row->jobs[i];
        if (job == NULL || job->all.count == 0)
            continue;
        begin_line(to, COLOURS[i], "none");
        for (unsigned j = 0; j < PERCENTILES_SHOWN; j++)
            put_place(to, panel, percentile_place(figures_percentiles[j]), job->all.percentile_us[j]);
        end_line(to);
    }
}

static void put_row(struct buffer *to, struct row *row, const char *name, double top)
{
    measure_row(row);
    struct panel panel = {.x = LEFT, .y = top + TOP, .x_most = row->seconds, .y_most = row->rate};
    buffer_append_string(to, "<g font-weight=\"bold\">");
    put_text(to, 10, top + 14, "start", name);
    buffer_append_string(to, "</g>");
    put_throughput(to, row, &panel);
    panel.x += PANEL_WIDTH + LEFT;
    panel.y_most = row->latency_most;
    panel.y_least = row->latency_least;
    put_latencies(to, row, &panel);
    panel.x += PANEL_WIDTH + LEFT;
    panel.x_most = percentile_place(99.99);
    put_percentiles(to, row, &panel);
}

/* ---- the page ---- */

static const struct job_figures *find_job(const struct run_figures *run, const char *name)
{
    for (unsigned i = 0; i < run->jobs_count; i++)
        if (strcmp(run->jobs[i].name, name) == 0)
            return &run->jobs[i];
    return NULL;
}

/* Has no run before this one a job of that name? */
static bool is_new_name(const struct plot_run *runs, unsigned run, const char *name)
{
    for (unsigned i = 0; i < run; i++)
        if (find_job(runs[i].figures, name) != NULL)
            return false;
    return true;
}

static unsigned head_height(unsigned runs)
{
    return LABEL * (runs + 2);
}

static unsigned put_rows(struct buffer *to, const struct plot_run *runs, unsigned count)
{
    unsigned rows = 0;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = 0; j < runs[i].figures->jobs_count; j++) {
            const char *name = runs[i].figures->jobs[j].name;
            if (!is_new_name(runs, i, name))
                continue;
            struct row row = {.count = count};
            for (unsigned k = 0; k < count; k++)
                row.jobs[k] = find_job(runs[k].figures, name);
            put_row(to, &row, name, head_height(count) + (double)rows * (TOP + PANEL_HEIGHT + BOTTOM));
            rows++;
        }
    }
    return rows;
}

void plot_runs(const struct plot_run *runs, unsigned count, struct buffer *to)
{
    struct buffer rows;
    ASSERT(count >= 1 && count <= PLOT_RUNS_MAX);
    buffer_init(&rows, 0);
    unsigned rows_count = put_rows(&rows, runs, count);
    buffer_append_format(to,
                         "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
                         "font-family=\"sans-serif\" font-size=\"11\">\n"
                         "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                         PANELS * (PANEL_WIDTH + LEFT) + 20,
                         head_height(count) + rows_count * (TOP + PANEL_HEIGHT + BOTTOM));
    for (unsigned i = 0; i < count; i++) {
        buffer_append_format(to, "<g fill=\"%s\">", COLOURS[i]);
        put_text(to, 10, LABEL * (i + 1.0), "start", runs[i].label);
        buffer_append_string(to, "</g>");
    }
    buffer_append(to, buffer_span(&rows));
    buffer_append_string(to, "</svg>\n");
    buffer_free(&rows);
}
