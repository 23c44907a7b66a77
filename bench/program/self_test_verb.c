/* bench/program/self_test_verb.c -- bale-bench self-test: what it can drive on this machine, against a server that does
 * next to nothing. */
#include "bench/drive/run.h"
#include "bench/drive/trivial_server.h"
#include "bench/program/verb.h"
#include "bench/report/text.h"

#include <stdio.h>

struct self_test_choices {
    uint64_t runtime_ms;
    uint64_t connections;
};

static const struct option OPTIONS[] = {
    {"runtime", OPTION_DURATION, offsetof(struct self_test_choices, runtime_ms), "3s", "TIME", .least = 1,
     .most = 60 * 60 * 1000, .help = "of each of its three jobs"},
    {"iodepth", OPTION_NUMBER, offsetof(struct self_test_choices, connections), "32", "N", .least = 1,
     .most = JOB_CONNECTIONS_MAX, .help = "requests under way at once"},
};

static const struct option_table TABLE = {OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], "bale-bench self-test"};

const struct option_table *self_test_options(void)
{
    return &TABLE;
}

/* The server answers a GET with as many bytes as the first folder of the key says. */
static const char JOBS[] = "[global]\naccess-key = self\nsecret-key = test\nsign = unsigned-payload\nstonewall = yes\n"
                           "[job get-4K]\nrw = get\nsize = 4K\nprefix = 4096/\n"
                           "[job put-4K]\nrw = put\nsize = 4K\nprefix = 4096/\n"
                           "[job get-1M]\nrw = get\nsize = 1M\nprefix = 1048576/\n";

static void put_limits(const struct run_figures *figures, struct buffer *to)
{
    buffer_append_string(to,
                         "\nwhat one request takes of bale-bench's processor, and so how many it can drive at most:\n");
    for (unsigned i = 0; i < figures->jobs_count; i++) {
        const struct job_figures *job = &figures->jobs[i];
        double rate = line_per_second(&job->all, job->seconds);
        if (rate > 0 && job->client_share > 0)
            buffer_append_format(to, "  %-8s %8.1f us %10.0f/s\n", job->name, job->client_share * 1e6 / rate,
                                 rate / job->client_share);
    }
}

static bool run_jobs_against(const struct trivial_server *server, const struct self_test_choices *choices,
                             struct run_figures *ret_figures, struct error *error)
{
    char endpoint[64];
    char runtime[32];
    char iodepth[32];
    struct job_list jobs;
    struct buffer complaints;
    (void)snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", trivial_server_port(server));
    (void)snprintf(runtime, sizeof runtime, "%llums", (unsigned long long)choices->runtime_ms);
    (void)snprintf(iodepth, sizeof iodepth, "%llu", (unsigned long long)choices->connections);
    const struct option_table *table = job_options();
    const struct option_argument arguments[] = {{option_find(table, SPAN("endpoint")), endpoint, 1},
                                                {option_find(table, SPAN("runtime")), runtime, 1},
                                                {option_find(table, SPAN("iodepth")), iodepth, 1}};
    const struct job_overrides overrides = {arguments, 3};
    const struct run_settings settings = {.jobs = &jobs};
    buffer_init(&complaints, 0);
    bool good =
        job_list_parse("self-test", span_from_string(JOBS), &overrides, &jobs, &complaints)
            ? run_jobs(&settings, ret_figures, error)
            : error_set(error, ERROR_INVALID, NULL, "%.*s", SPAN_FORMAT(span_take(buffer_span(&complaints), 200)));
    job_list_free(&jobs);
    buffer_free(&complaints);
    return good;
}

static enum verb_status test(const struct self_test_choices *choices)
{
    struct error error;
    struct run_figures figures;
    struct buffer text;
    struct trivial_server *server = trivial_server_start(&error);
    if (server == NULL)
        return verb_refuse(VERB_FAILED, "%s", error.message);
    bool good = run_jobs_against(server, choices, &figures, &error);
    trivial_server_stop(server);
    if (!good)
        return verb_refuse(VERB_FAILED, "%s", error.message);
    buffer_init(&text, 0);
    report_text(&figures, &text);
    put_limits(&figures, &text);
    enum verb_status status = verb_print(&text);
    for (unsigned i = 0; i < figures.jobs_count; i++)
        if (figures.jobs[i].all.failures > 0)
            status = VERB_FAILED;
    run_figures_free(&figures);
    buffer_free(&text);
    return status;
}

enum verb_status verb_self_test(char *const *arguments)
{
    struct error error;
    struct self_test_choices choices = {0};
    option_table_default(&TABLE, &choices);
    while (*arguments != NULL) {
        struct option_argument argument;
        if (strncmp(*arguments, "--", 2) != 0)
            return verb_refuse(VERB_WRONG_USE, "%s: self-test takes options only", *arguments);
        if (!option_argument_read(&TABLE, arguments, &argument, &error) ||
            !option_argument_apply(&argument, &choices, &error))
            return verb_refuse(VERB_WRONG_USE, "%s", error.message);
        arguments += argument.count;
    }
    return test(&choices);
}
