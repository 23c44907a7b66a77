/* bench/program/analyze_verb.c -- bale-bench analyze: earlier runs, beside each other and against bars. */
#include "bench/program/files.h"
#include "bench/program/verb.h"
#include "bench/report/bars.h"
#include "bench/report/compare_runs.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

static const struct option OPTIONS[] = {
    {"bar", OPTION_TEXT, offsetof(struct file_choices, bar), NULL, "BAR",
     .help =
         "what every run must reach, or the exit status is 1; as often as there are bars. get.p99<5ms: the name of a "
         "job, or of a kind of request, or JOB/KIND; mean, p50, p90, p99, p99.9, longest (us, ms, s), rate, mib, "
         "failures or cpu (us); <, <=, > or >=. A value that ends in x is that many times the first run's figure: "
         "get.rate>0.95x."},
};

static const struct option_table TABLE = {OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], "bale-bench analyze"};

const struct option_table *analyze_options(void)
{
    return &TABLE;
}

static bool parse_bars(const struct file_choices *choices, struct bar *ret_bars)
{
    struct error error;
    for (unsigned i = 0; i < choices->bars_count; i++)
        if (!bar_parse(span_from_string(choices->bars[i]), &ret_bars[i], &error)) {
            (void)verb_refuse(VERB_WRONG_USE, "--bar: %s", error.message);
            return false;
        }
    return true;
}

static void put_runs(const struct run_files *files, struct buffer *to)
{
    buffer_append_format(to, "%s\n", files->paths[0]);
    describe_run(&files->runs[0], to);
    for (unsigned i = 1; i < files->count; i++) {
        buffer_append_format(to, "\n%s, then %s\n", files->paths[0], files->paths[i]);
        compare_runs(&files->runs[0], &files->runs[i], to);
    }
}

/* All bars against all runs. */
static bool put_bars(const struct run_files *files, const struct bar *bars, unsigned count, struct buffer *to)
{
    bool are_held = true;
    for (unsigned i = 0; count > 0 && i < files->count; i++) {
        buffer_append_format(to, "\nbars of %s\n", files->paths[i]);
        for (unsigned j = 0; j < count; j++)
            are_held = bar_holds(&bars[j], &files->runs[i], &files->runs[0], to) && are_held;
    }
    return are_held;
}

static enum verb_status analyze(const struct run_files *files, const struct bar *bars, unsigned count)
{
    struct buffer text;
    buffer_init(&text, 0);
    put_runs(files, &text);
    bool are_held = put_bars(files, bars, count, &text);
    enum verb_status status = verb_print(&text);
    buffer_free(&text);
    return status == VERB_DONE && !are_held ? VERB_FAILED : status;
}

enum verb_status verb_analyze(char *const *arguments)
{
    struct run_files files;
    struct file_choices choices;
    struct bar *bars = calloc(RUN_BARS_MAX, sizeof *bars);
    ASSERT(bars != NULL);
    enum verb_status status = VERB_WRONG_USE;
    if (run_files_read(&TABLE, arguments, &choices, &files) && parse_bars(&choices, bars))
        status = analyze(&files, bars, choices.bars_count);
    run_files_free(&files);
    option_table_free(&TABLE, &choices);
    free(bars);
    return status;
}
