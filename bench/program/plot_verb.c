/* bench/program/plot_verb.c -- bale-bench plot: earlier runs as one picture. */
#include "bench/program/files.h"
#include "bench/program/verb.h"
#include "bench/report/plot.h"

static const struct option OPTIONS[] = {
    {"out", OPTION_TEXT, offsetof(struct file_choices, out), "bale-bench.svg", "FILE", .help = "the picture, SVG"},
};

static const struct option_table TABLE = {OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], "bale-bench plot"};

const struct option_table *plot_options(void)
{
    return &TABLE;
}

static enum verb_status plot(const struct run_files *files, const char *path)
{
    struct plot_run runs[PLOT_RUNS_MAX];
    struct buffer picture;
    struct error error;
    _Static_assert((int)RUN_FILES_MAX <= (int)PLOT_RUNS_MAX, "each run has a colour");
    for (unsigned i = 0; i < files->count; i++)
        runs[i] = (struct plot_run){files->paths[i], &files->runs[i]};
    buffer_init(&picture, 0);
    plot_runs(runs, files->count, &picture);
    bool good = verb_write_file(path, &picture, &error);
    buffer_free(&picture);
    return good ? VERB_DONE : verb_refuse(VERB_FAILED, "%s", error.message);
}

enum verb_status verb_plot(char *const *arguments)
{
    struct run_files files;
    struct file_choices choices;
    bool good = run_files_read(&TABLE, arguments, &choices, &files);
    enum verb_status status = good ? plot(&files, choices.out) : VERB_WRONG_USE;
    run_files_free(&files);
    option_table_free(&TABLE, &choices);
    return status;
}
