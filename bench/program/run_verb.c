/* bench/program/run_verb.c -- bale-bench run: jobs from a file or from options, then the run, then its reports. */
#include "bench/drive/run.h"
#include "bench/drive/target.h"
#include "bench/program/verb.h"
#include "bench/report/figures_json.h"
#include "bench/report/live_line.h"
#include "bench/report/plot.h"
#include "bench/report/series_files.h"
#include "bench/report/text.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is said of the run as a whole. */
struct run_choices {
    char *json, *csv, *histogram, *plot, *pid;
    bool quiet;
};

#define MEMBER(name) offsetof(struct run_choices, name)

static const struct option OPTIONS[] = {
    {"json", OPTION_TEXT, MEMBER(json), NULL, "FILE", .help = "all figures, for plot and analyze"},
    {"csv", OPTION_TEXT, MEMBER(csv), NULL, "FILE", .help = "a line for each second of each job"},
    {"histogram", OPTION_TEXT, MEMBER(histogram), NULL, "FILE",
     .help = "latencies of each second, as a log of HdrHistogram"},
    {"plot", OPTION_TEXT, MEMBER(plot), NULL, "FILE", .help = "a picture, SVG, as bale-bench plot draws it"},
    {"pid", OPTION_TEXT, MEMBER(pid), NULL, "N,...",
     .help = "the processes of the server, when they run here: their processor time for each request, kernel workers "
             "included, and their memory"},
    {"quiet", OPTION_FLAG, MEMBER(quiet), "no", "", .help = "no line while it runs"},
};

static const struct option_table TABLE = {OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], "bale-bench run"};

const struct option_table *run_options(void)
{
    return &TABLE;
}

enum { OVERRIDES_MAX = 128 };

/* The command line, taken apart. */
struct invocation {
    struct run_choices choices;
    struct process_set server;
    const char *path; /* of the job file; NULL: none */
    struct option_argument overrides[OVERRIDES_MAX];
    struct job_overrides jobs;
};

/* An option of the run is read; one of jobs is kept until there are jobs. */
static bool take_option(struct invocation *invocation, char *const *arguments, int *ret_count, struct error *error)
{
    struct option_argument argument;
    struct span name = span_from_string(arguments[0] + 2);
    name = span_take(name, span_find(name, '='));
    bool is_of_run = option_find(&TABLE, name) != NULL;
    if (!option_argument_read(is_of_run ? &TABLE : job_options(), arguments, &argument, error))
        return false;
    *ret_count = argument.count;
    if (is_of_run)
        return option_argument_apply(&argument, &invocation->choices, error);
    if (invocation->jobs.count == OVERRIDES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "there are more than %d options", OVERRIDES_MAX);
    invocation->overrides[invocation->jobs.count++] = argument;
    return true;
}

static bool read_arguments(struct invocation *invocation, char *const *arguments, struct error *error)
{
    invocation->jobs.arguments = invocation->overrides;
    option_table_default(&TABLE, &invocation->choices);
    while (*arguments != NULL) {
        int count = 1;
        if (strncmp(*arguments, "--", 2) == 0) {
            if (!take_option(invocation, arguments, &count, error))
                return false;
        } else if (invocation->path != NULL) {
            return error_set(error, ERROR_INVALID, NULL, "%s: there is a job file already, %s", *arguments,
                             invocation->path);
        } else {
            invocation->path = *arguments;
        }
        arguments += count;
    }
    if (invocation->choices.pid != NULL && !process_set_parse(&invocation->server, invocation->choices.pid))
        return error_set(error, ERROR_INVALID, NULL, "--pid: \"%.60s\" is no list of process ids (4711,4712)",
                         invocation->choices.pid);
    return true;
}

/* ---- files that grow while it runs ---- */

struct outputs {
    struct live_line live;
    struct series_file csv;
    struct series_file histogram;
};

static bool open_outputs(struct outputs *outputs, const struct run_choices *choices, struct error *error)
{
    live_line_begin(&outputs->live, choices->quiet);
    if (!series_open(&outputs->csv, choices->csv, error) ||
        !series_open(&outputs->histogram, choices->histogram, error))
        return false;
    series_csv_head(&outputs->csv);
    series_histogram_head(&outputs->histogram);
    return true;
}

static void show_second(void *context, const struct run_second *second)
{
    struct outputs *outputs = context;
    live_line_show(&outputs->live, second);
    if (second->job->is_preparation)
        return;
    series_csv_line(&outputs->csv, second);
    series_histogram_line(&outputs->histogram, second);
}

static bool close_outputs(struct outputs *outputs, struct error *error)
{
    live_line_end(&outputs->live);
    bool is_whole = series_close(&outputs->csv, error);
    return series_close(&outputs->histogram, error) && is_whole;
}

/* ---- the run ---- */

static bool write_json(const struct run_figures *figures, const char *path, struct error *error)
{
    struct buffer text;
    buffer_init(&text, 0);
    figures_json_write(figures, &text);
    bool good = verb_write_file(path, &text, error);
    buffer_free(&text);
    return good;
}

static bool write_plot(const struct run_figures *figures, const char *path, struct error *error)
{
    const struct plot_run run = {"bale-bench run", figures};
    struct buffer picture;
    buffer_init(&picture, 0);
    plot_runs(&run, 1, &picture);
    bool good = verb_write_file(path, &picture, error);
    buffer_free(&picture);
    return good;
}

static bool report(const struct run_figures *figures, const struct run_choices *choices, struct error *error)
{
    struct buffer text;
    buffer_init(&text, 0);
    report_text(figures, &text);
    bool is_printed = verb_print(&text) == VERB_DONE || error_set(error, ERROR_IO, NULL, "the report is not whole");
    buffer_free(&text);
    return (choices->json == NULL || write_json(figures, choices->json, error)) &&
           (choices->plot == NULL || write_plot(figures, choices->plot, error)) && is_printed;
}

static uint64_t count_failures(const struct run_figures *figures)
{
    uint64_t failures = 0;
    for (unsigned i = 0; i < figures->jobs_count; i++)
        failures += figures->jobs[i].all.failures;
    return failures;
}

static enum verb_status run(const struct invocation *invocation, const struct job_list *jobs)
{
    struct outputs outputs = {0};
    struct run_figures figures;
    struct error error;
    struct error closing;
    const struct run_settings settings = {
        .jobs = jobs, .server = invocation->server, .every_second = show_second, .context = &outputs};
    bool is_open = open_outputs(&outputs, &invocation->choices, &error);
    bool is_run = is_open && run_jobs(&settings, &figures, &error);
    bool is_closed = close_outputs(&outputs, &closing);
    if (!is_run)
        return verb_refuse(VERB_FAILED, "%s", error.message);
    bool is_reported = report(&figures, &invocation->choices, &error);
    uint64_t failures = count_failures(&figures);
    run_figures_free(&figures);
    if (!is_reported || !is_closed)
        return verb_refuse(VERB_FAILED, "%s", is_reported ? closing.message : error.message);
    return failures == 0 ? VERB_DONE : VERB_FAILED;
}

static bool check_endpoints(const struct job_list *jobs, struct buffer *complaints)
{
    struct error error;
    for (unsigned i = 0; i < jobs->count; i++)
        if (!target_check_urls(jobs->jobs[i].endpoint, &error))
            buffer_append_format(complaints, "%s\n", error.message);
    return complaints->size == 0;
}

static enum verb_status load_and_run(const struct invocation *invocation)
{
    struct job_list jobs;
    struct buffer complaints;
    buffer_init(&complaints, 0);
    bool good = invocation->path != NULL ? job_list_load(invocation->path, &invocation->jobs, &jobs, &complaints)
                                         : job_list_from_arguments(&invocation->jobs, &jobs, &complaints);
    good = good && check_endpoints(&jobs, &complaints);
    enum verb_status status = VERB_WRONG_USE;
    if (good)
        status = run(invocation, &jobs);
    else
        (void)fwrite(complaints.data, 1, complaints.size, stderr);
    job_list_free(&jobs);
    buffer_free(&complaints);
    return status;
}

enum verb_status verb_run(char *const *arguments)
{
    struct error error;
    struct invocation *invocation = calloc(1, sizeof *invocation);
    ASSERT(invocation != NULL);
    enum verb_status status = read_arguments(invocation, arguments, &error)
                                  ? load_and_run(invocation)
                                  : verb_refuse(VERB_WRONG_USE, "%s", error.message);
    option_table_free(&TABLE, &invocation->choices);
    free(invocation);
    return status;
}
