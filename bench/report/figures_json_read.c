/* bench/report/figures_json_read.c -- JSON to figures. Whatever a file holds, it is bounded and numbers are finite. */
#include "bench/report/figures_json.h"

#include "runtime/base/assert.h"
#include "runtime/base/read_file.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 64 << 20, DEPTH_MAX = 16 };

/* NULL: there is no such member of that type. */
static struct json_object *member(struct json_object *object, const char *name, enum json_type type)
{
    struct json_object *found = NULL;
    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, name, &found) ||
        !json_object_is_type(found, type))
        return NULL;
    return found;
}

/* Not negative, and finite; 0 where there is none. */
static double number(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;
    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, name, &found) ||
        !(json_object_is_type(found, json_type_double) || json_object_is_type(found, json_type_int)))
        return 0;
    double value = json_object_get_double(found);
    return isfinite(value) && value >= 0 ? value : 0;
}

/* Beyond 2^53 a number of these is none that a run has. */
static uint64_t count(struct json_object *object, const char *name)
{
    double value = number(object, name);
    return value <= 0x1p53 ? (uint64_t)value : 0;
}

static void copy_text(struct json_object *object, const char *name, char *ret_text, size_t size)
{
    struct json_object *found = member(object, name, json_type_string);
    (void)snprintf(ret_text, size, "%s", found == NULL ? "" : json_object_get_string(found));
}

static void read_line(struct json_object *object, struct line_figures *ret_line)
{
    struct json_object *percentiles = member(object, "percentiles_us", json_type_object);
    copy_text(object, "name", ret_line->name, sizeof ret_line->name);
    ret_line->count = count(object, "count");
    ret_line->failures = count(object, "failures");
    ret_line->bytes = count(object, "bytes");
    ret_line->mean_us = number(object, "mean_us");
    for (unsigned i = 0; percentiles != NULL && i < FIGURES_PERCENTILES_COUNT; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%g", figures_percentiles[i]);
        ret_line->percentile_us[i] = number(percentiles, name);
    }
}

/* An array of at most `most` elements of `size` bytes, each read by the caller. */
static void *make_array(struct json_object *array, size_t most, size_t size, unsigned *ret_count)
{
    size_t length = array == NULL ? 0 : json_object_array_length(array);
    *ret_count = (unsigned)(length < most ? length : most);
    void *elements = calloc(*ret_count + 1U, size);
    ASSERT(elements != NULL);
    return elements;
}

static struct line_figures *read_lines(struct json_object *job, const char *name, size_t most, unsigned *ret_count)
{
    struct json_object *array = member(job, name, json_type_array);
    struct line_figures *lines = make_array(array, most, sizeof *lines, ret_count);
    for (unsigned i = 0; i < *ret_count; i++)
        read_line(json_object_array_get_idx(array, i), &lines[i]);
    return lines;
}

static void read_points(struct json_object *job, struct job_figures *figures)
{
    struct json_object *array = member(job, "seconds_each", json_type_array);
    figures->points = make_array(array, FIGURES_POINTS_MAX, sizeof *figures->points, &figures->points_count);
    for (unsigned i = 0; i < figures->points_count; i++) {
        struct json_object *object = json_object_array_get_idx(array, i);
        figures->points[i] = (struct point_figures){.at_s = number(object, "at"),
                                                    .count = count(object, "count"),
                                                    .failures = count(object, "failures"),
                                                    .bytes = count(object, "bytes"),
                                                    .p50_us = number(object, "p50_us"),
                                                    .p99_us = number(object, "p99_us"),
                                                    .p999_us = number(object, "p999_us"),
                                                    .longest_us = number(object, "longest_us")};
    }
}

static void read_job(struct json_object *object, struct job_figures *figures)
{
    char loop[8];
    copy_text(object, "name", figures->name, sizeof figures->name);
    copy_text(object, "loop", loop, sizeof loop);
    copy_text(object, "failure", figures->failure, sizeof figures->failure);
    figures->is_open = strcmp(loop, "open") == 0;
    figures->rate = number(object, "rate");
    figures->connections = (unsigned)(count(object, "connections") % UINT32_MAX);
    figures->seconds = number(object, "seconds");
    figures->not_begun = count(object, "not_begun");
    figures->server_cpu_us = number(object, "server_cpu_us");
    figures->client_share = number(object, "client_share");
    read_line(member(object, "all", json_type_object), &figures->all);
    figures->operations = read_lines(object, "operations", OPERATIONS, &figures->operations_count);
    figures->endpoints = read_lines(object, "endpoints", JOB_ENDPOINTS_MAX, &figures->endpoints_count);
    read_points(object, figures);
}

static bool read_run(struct json_object *run, struct run_figures *figures, struct error *error)
{
    char format[32];
    copy_text(run, "format", format, sizeof format);
    struct json_object *jobs = member(run, "jobs", json_type_array);
    if (strcmp(format, "bale-bench 1") != 0 || jobs == NULL)
        return error_set(error, ERROR_INVALID, NULL, "these are no figures of bale-bench run --json");
    figures->started_ms = (int64_t)count(run, "started_ms");
    figures->server_anonymous_bytes = count(run, "server_anonymous_bytes");
    figures->jobs = make_array(jobs, JOBS_MAX, sizeof *figures->jobs, &figures->jobs_count);
    for (unsigned i = 0; i < figures->jobs_count; i++)
        read_job(json_object_array_get_idx(jobs, i), &figures->jobs[i]);
    return true;
}

bool figures_json_read(struct span text, struct run_figures *ret_figures, struct error *error)
{
    *ret_figures = (struct run_figures){0};
    if (text.size > FILE_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "these figures are larger than %d MiB", FILE_BYTES_MAX >> 20);
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    ASSERT(tokener != NULL);
    struct json_object *run = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    bool good = run != NULL ? read_run(run, ret_figures, error)
                            : error_set(error, ERROR_INVALID, NULL, "this is no whole JSON: %s",
                                        json_tokener_error_desc(json_tokener_get_error(tokener)));
    json_object_put(run);
    json_tokener_free(tokener);
    return good;
}

bool figures_json_load(const char *path, struct run_figures *ret_figures, struct error *error)
{
    struct buffer text;
    *ret_figures = (struct run_figures){0};
    if (!read_file(path, FILE_BYTES_MAX, &text, error))
        return false;
    bool good = figures_json_read(buffer_span(&text), ret_figures, error) || error_prepend(error, "%s", path);
    buffer_free(&text);
    return good;
}
