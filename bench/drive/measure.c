/* bench/drive/measure.c -- tallies, and the figures that they become. */
#include "bench/drive/measure.h"

#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void measure_begin(struct measure *measure)
{
    *measure = (struct measure){.second.latencies = hdr_histogram_create()};
}

void measure_end(struct measure *measure)
{
    for (unsigned i = 0; i < OPERATIONS; i++)
        hdr_histogram_free(measure->operations[i].latencies);
    for (unsigned i = 0; i < JOB_ENDPOINTS_MAX; i++)
        hdr_histogram_free(measure->endpoints[i].latencies);
    hdr_histogram_free(measure->second.latencies);
    free(measure->points);
    *measure = (struct measure){0};
}

static void note_in(struct tally *tally, const struct outcome *outcome)
{
    if (tally->latencies == NULL)
        tally->latencies = hdr_histogram_create();
    if (outcome->failure != NULL) {
        tally->failures++;
        return;
    }
    hdr_histogram_record(tally->latencies, outcome->latency_ns);
    tally->bytes += outcome->bytes;
}

void measure_note(struct measure *measure, const struct outcome *outcome)
{
    note_in(&measure->operations[outcome->operation], outcome);
    note_in(&measure->endpoints[outcome->endpoint], outcome);
    note_in(&measure->second, outcome);
    if (outcome->failure != NULL && measure->failure[0] == '\0')
        (void)snprintf(measure->failure, sizeof measure->failure, "%s", outcome->failure);
}

/* ---- seconds ---- */

static double us_at(const struct hdr_histogram *latencies, double percent)
{
    return (double)hdr_histogram_percentile(latencies, percent) / 1e3;
}

const struct point_figures *measure_point(struct measure *measure, double at_s)
{
    if (measure->points_count == FIGURES_POINTS_MAX)
        measure->points_count--; /* the last is written over */
    if ((measure->points_count & (measure->points_count - 1)) == 0) {
        size_t capacity = measure->points_count == 0 ? 1 : measure->points_count * (size_t)2;
        measure->points = realloc(measure->points, capacity * sizeof *measure->points);
        ASSERT(measure->points != NULL);
    }
    const struct hdr_histogram *latencies = measure->second.latencies;
    struct point_figures *point = &measure->points[measure->points_count++];
    *point = (struct point_figures){.at_s = at_s,
                                    .count = latencies->total,
                                    .failures = measure->second.failures,
                                    .bytes = measure->second.bytes,
                                    .p50_us = us_at(latencies, 50),
                                    .p99_us = us_at(latencies, 99),
                                    .p999_us = us_at(latencies, 99.9),
                                    .longest_us = us_at(latencies, 100)};
    return point;
}

void measure_clear_second(struct measure *measure)
{
    hdr_histogram_clear(measure->second.latencies);
    measure->second.failures = measure->second.bytes = 0;
}

/* ---- figures ---- */

static void fill_line(const struct tally *tally, const char *name, struct line_figures *ret_line)
{
    *ret_line = (struct line_figures){.count = tally->latencies->total,
                                      .failures = tally->failures,
                                      .bytes = tally->bytes,
                                      .mean_us = hdr_histogram_mean(tally->latencies) / 1e3};
    (void)snprintf(ret_line->name, sizeof ret_line->name, "%s", name);
    for (unsigned i = 0; i < FIGURES_PERCENTILES_COUNT; i++)
        ret_line->percentile_us[i] = us_at(tally->latencies, figures_percentiles[i]);
}

static void add_tally(struct tally *to, const struct tally *tally)
{
    hdr_histogram_add(to->latencies, tally->latencies);
    to->failures += tally->failures;
    to->bytes += tally->bytes;
}

/* Lines of those kinds that were there; the sum of all. */
static void fill_operations(const struct measure *measure, struct job_figures *figures)
{
    struct tally all = {.latencies = hdr_histogram_create()};
    figures->operations = calloc(OPERATIONS, sizeof *figures->operations);
    ASSERT(figures->operations != NULL);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        if (measure->operations[i].latencies == NULL)
            continue;
        fill_line(&measure->operations[i], operation_name((enum operation)i),
                  &figures->operations[figures->operations_count++]);
        add_tally(&all, &measure->operations[i]);
    }
    fill_line(&all, "all", &figures->all);
    hdr_histogram_free(all.latencies);
}

static void fill_endpoints(struct measure *measure, const char *const *urls, unsigned urls_count,
                           struct job_figures *figures)
{
    figures->endpoints = calloc(urls_count, sizeof *figures->endpoints);
    ASSERT(figures->endpoints != NULL);
    for (unsigned i = 0; i < urls_count; i++) {
        if (measure->endpoints[i].latencies == NULL)
            measure->endpoints[i].latencies = hdr_histogram_create();
        fill_line(&measure->endpoints[i], urls[i], &figures->endpoints[figures->endpoints_count++]);
    }
}

void measure_figures(struct measure *measure, const char *const *urls, unsigned urls_count,
                     struct job_figures *ret_figures)
{
    fill_operations(measure, ret_figures);
    if (urls_count > 1)
        fill_endpoints(measure, urls, urls_count, ret_figures);
    (void)snprintf(ret_figures->failure, sizeof ret_figures->failure, "%s", measure->failure);
    ret_figures->points = measure->points;
    ret_figures->points_count = measure->points_count;
    measure->points = NULL;
}
