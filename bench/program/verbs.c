/* bench/program/verbs.c -- the table of verbs. */
#include "bench/job/job.h"
#include "bench/program/verb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const struct verb VERBS[] = {
    {"run",
     "[FILE.ini]",
     "loads a server",
     "Runs the jobs of a job file, or one job that options describe. Options of jobs count before what the file says. "
     "While it runs, a line on standard error says how it goes, where that is a terminal. The report is printed at the "
     "end. Exit status 1: a request failed, or a job could not begin.",
     {run_options, job_options},
     verb_run},
    {"analyze",
     "FILE.json ...",
     "reads earlier runs",
     "Shows what runs have found as means of their seconds, with what lies 95 times in 100 around them; each further "
     "run "
     "beside the first, with the ratio and whether it is more than chance. Exit status 1: a bar is missed.",
     {analyze_options},
     verb_analyze},
    {"plot",
     "FILE.json ...",
     "draws earlier runs",
     "A row for each job: throughput, and p50, p99 and p99.9 over time, and latency by percentile. Several runs are "
     "drawn "
     "over each other.",
     {plot_options},
     verb_plot},
    {"self-test",
     "",
     "says what it can drive",
     "Runs three jobs against a server of its own that does next to nothing, and says what a request takes of "
     "bale-bench's processor. Client and server share the machine.",
     {self_test_options},
     verb_self_test},
};

const struct verb *verb_at(unsigned index)
{
    return index < sizeof VERBS / sizeof VERBS[0] ? &VERBS[index] : NULL;
}

enum verb_status verb_refuse(enum verb_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "bale-bench: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return status;
}

enum verb_status verb_print(const struct buffer *text)
{
    bool good = fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0;
    return good ? VERB_DONE : verb_refuse(VERB_FAILED, "standard output takes no more");
}

bool verb_write_file(const char *path, const struct buffer *text, struct error *error)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return error_set_errno(error, errno, "%s", path);
    bool good = fwrite(text->data, 1, text->size, file) == text->size;
    if (fclose(file) != 0 || !good)
        return error_set(error, ERROR_IO, NULL, "%s: not all of it could be written", path);
    return true;
}
