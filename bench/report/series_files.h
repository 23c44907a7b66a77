/* bench/report/series_files.h -- files that get a line each second while a run goes on: CSV, and HdrHistogram's log.
 *
 * Both are whole after each line, so that a run that is cut short leaves what it had. The log is version 1.3 of
 * HdrHistogram's format, intervals tagged with the job's name, values in nanoseconds: its own tools
 * (HistogramLogProcessor, the plotter) read it. */
#pragma once

#include "bench/drive/run.h"

#include <stdio.h>

struct series_file {
    FILE *file; /* NULL: not wanted */
    const char *path;
};

/* `path` NULL: nothing is opened, and nothing written. False with a sentence. */
bool series_open(struct series_file *series, const char *path, struct error *error);
/* False: not all of it could be written. */
bool series_close(struct series_file *series, struct error *error);

void series_csv_head(struct series_file *series);
void series_csv_line(struct series_file *series, const struct run_second *second);

void series_histogram_head(struct series_file *series);
void series_histogram_line(struct series_file *series, const struct run_second *second);
