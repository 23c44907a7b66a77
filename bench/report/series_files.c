/* bench/report/series_files.c -- a line for a second. */
#include "bench/report/series_files.h"

#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/clock.h"

#include <errno.h>
#include <stdlib.h>

bool series_open(struct series_file *series, const char *path, struct error *error)
{
    *series = (struct series_file){.path = path};
    if (path == NULL)
        return true;
    series->file = fopen(path, "we");
    return series->file != NULL || error_set_errno(error, errno, "%s", path);
}

bool series_close(struct series_file *series, struct error *error)
{
    if (series->file == NULL)
        return true;
    bool has_failed = ferror(series->file) != 0;
    if (fclose(series->file) != 0 || has_failed)
        return error_set(error, ERROR_IO, NULL, "%s: not all of it could be written", series->path);
    return true;
}

void series_csv_head(struct series_file *series)
{
    if (series->file != NULL)
        (void)fprintf(series->file, "job,began_s,ended_s,requests,failures,bytes,p50_us,p99_us,p999_us,longest_us\n");
}

void series_csv_line(struct series_file *series, const struct run_second *second)
{
    const struct point_figures *point = second->point;
    if (series->file == NULL)
        return;
    (void)fprintf(series->file, "%s,%.3f,%.3f,%llu,%llu,%llu,%.2f,%.2f,%.2f,%.2f\n", second->job->name, second->began_s,
                  point->at_s, (unsigned long long)point->count, (unsigned long long)point->failures,
                  (unsigned long long)point->bytes, point->p50_us, point->p99_us, point->p999_us, point->longest_us);
    (void)fflush(series->file);
}

void series_histogram_head(struct series_file *series)
{
    double now_s = (double)clock_wall_ms(clock_system()) / 1e3;
    if (series->file != NULL)
        (void)fprintf(series->file,
                      "#[bale-bench %s, latencies in nanoseconds]\n#[Histogram log format version 1.3]\n"
                      "#[StartTime: %.3f (seconds since epoch)]\n#[BaseTime: 0.000 (seconds since epoch)]\n"
                      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
                      BALE_VERSION, now_s);
}

/* The longest in milliseconds, as the tools print it; the histogram in base64. */
void series_histogram_line(struct series_file *series, const struct run_second *second)
{
    struct buffer encoded;
    if (series->file == NULL)
        return;
    buffer_init(&encoded, 0);
    hdr_histogram_encode(second->latencies, &encoded);
    size_t size = BASE64_ENCODED_BYTES(encoded.size);
    char *text = malloc(size);
    ASSERT(text != NULL);
    base64_encode(buffer_span(&encoded), text);
    (void)fprintf(series->file, "Tag=%s,%.3f,%.3f,%.3f,%.*s\n", second->job->name,
                  (double)second->wall_ms / 1e3 + second->began_s, second->point->at_s - second->began_s,
                  (double)second->latencies->most / 1e6, (int)size, text);
    (void)fflush(series->file);
    free(text);
    buffer_free(&encoded);
}
