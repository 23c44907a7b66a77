/* bench/drive/run.c -- the life of a run: jobs wait for each other, then each drives its workers. */
#include "bench/drive/run.h"

#include "bench/drive/turnstile.h"
#include "bench/drive/worker.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SHARED_BYTES = 256 << 10,
    FIBERS_BESIDE = 256,
    RING_ENTRIES = 4096,
    PAUSE_MS = 20,
    RESOLVERS = 1,
    NAMES_MAX = 64
};

struct run {
    const struct run_settings *settings;
    struct run_figures *figures;
    struct error *error;
    bool has_failed;
    struct offload *offload;
    struct dialer *dialer;
    bool *has_ended; /* of each job */
    unsigned running;
    struct wait_queue changed; /* a job has ended */
};

/* A job that runs. */
struct job_run {
    struct run *run;
    const struct job *job;
    struct job_figures *figures; /* NULL: nobody wants to know */
    struct content content;
    struct target *targets;
    unsigned targets_count;
    uint8_t *shared;
    struct plan plan;
    struct turnstile turnstile;
    struct measure measure;
    uint64_t begun_ns, measured_ns; /* the latter: from when on */
    int64_t measured_wall_ms;
    uint64_t last_ns; /* when the last request ended */
    unsigned workers;
    struct wait_queue ended;
    uint64_t client_cpu_ns, server_cpu_ns; /* when measuring began */
};

struct worker_start {
    struct job_run *job_run;
    unsigned number;
};

static uint64_t now_ns(void)
{
    return clock_monotonic_ns(loop_clock());
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ---- workers ---- */

static void note(struct job_run *job_run, const struct assignment *assignment, unsigned endpoint, uint64_t due_ns,
                 uint64_t bytes, const char *failure)
{
    uint64_t now = now_ns();
    if (failure == NULL)
        plan_note_done(&job_run->plan, assignment);
    if (due_ns < job_run->measured_ns)
        return;
    const struct outcome outcome = {.operation = assignment->operation,
                                    .endpoint = endpoint,
                                    .latency_ns = now - due_ns,
                                    .bytes = bytes,
                                    .failure = failure};
    measure_note(&job_run->measure, &outcome);
    job_run->last_ns = now;
}

SUSPENDS static void work(struct job_run *job_run, struct worker *worker, unsigned endpoint)
{
    struct assignment assignment;
    struct error error;
    uint64_t due_ns;
    while (turnstile_pass(&job_run->turnstile, &due_ns)) {
        uint64_t bytes = 0;
        if (!plan_next(&job_run->plan, &assignment)) {
            turnstile_close(&job_run->turnstile);
            return;
        }
        bool good = worker_perform(worker, &assignment, &bytes, &error);
        note(job_run, &assignment, endpoint, due_ns, bytes, good ? NULL : error.message);
        if (!good && job_run->job->rate == 0) /* a server that refuses at once is not asked at full speed */
            (void)io_sleep_until(deadline_after_ms(PAUSE_MS));
    }
}

SUSPENDS static void run_worker(void *argument)
{
    struct worker_start start = *(struct worker_start *)argument;
    free(argument);
    struct job_run *job_run = start.job_run;
    const struct job *job = job_run->job;
    struct worker worker;
    unsigned endpoint = start.number % job_run->targets_count;
    worker_begin(&worker, job, &job_run->content, &job_run->targets[endpoint], span_of(job_run->shared, SHARED_BYTES));
    if (job->ramp_ms > 0 && job->rate == 0)
        (void)io_sleep_until(job_run->begun_ns +
                             job->ramp_ms * 1000000 * start.number / (uint64_t)job_connections(job));
    work(job_run, &worker, endpoint);
    worker_end(&worker);
    job_run->workers--;
    wait_wake_all(&job_run->ended);
}

static bool start_workers(struct job_run *job_run, struct error *error)
{
    for (unsigned i = 0; i < job_connections(job_run->job); i++) {
        struct worker_start *start = malloc(sizeof *start);
        ASSERT(start != NULL);
        *start = (struct worker_start){job_run, i};
        if (!fiber_spawn("worker", run_worker, start, error)) {
            free(start);
            return false;
        }
        job_run->workers++;
    }
    return true;
}

/* ---- seconds ---- */

static void end_second(struct job_run *job_run, double began_s, double at_s)
{
    const struct run_settings *settings = job_run->run->settings;
    const struct point_figures *point = measure_point(&job_run->measure, at_s);
    const struct job *job = job_run->job;
    const struct run_second second = {.job = job,
                                      .point = point,
                                      .latencies = job_run->measure.second.latencies,
                                      .began_s = began_s,
                                      .wall_ms = job_run->measured_wall_ms,
                                      .left_s = job->runtime_ms == 0 ? -1 : (double)job->runtime_ms / 1e3 - at_s};
    if (settings->every_second != NULL)
        settings->every_second(settings->context, &second);
    measure_clear_second(&job_run->measure);
}

static void begin_measuring(struct job_run *job_run)
{
    job_run->measured_wall_ms = clock_wall_ms(loop_clock());
    job_run->client_cpu_ns = thread_cpu_ns();
    job_run->server_cpu_ns = process_cpu_ns(&job_run->run->settings->server);
}

static void watch_memory(struct run *run)
{
    uint64_t bytes = process_anonymous_bytes(&run->settings->server);
    if (bytes > run->figures->server_anonymous_bytes)
        run->figures->server_anonymous_bytes = bytes;
}

/* True: the job's workers have ended before that. */
SUSPENDS static bool await_end_until(struct job_run *job_run, uint64_t until_ns)
{
    struct error error;
    while (job_run->workers > 0)
        if (!wait_for(&job_run->ended, until_ns, &error) && error.kind == ERROR_TIMED_OUT)
            return false;
    return true;
}

/* Until all workers have ended. They may have done so before the watch began, with requests that count. */
SUSPENDS static void watch(struct job_run *job_run)
{
    const uint64_t second_ns = 1000000000;
    bool is_ended = await_end_until(job_run, job_run->measured_ns);
    begin_measuring(job_run);
    unsigned seconds = 0;
    do {
        is_ended = is_ended || await_end_until(job_run, job_run->measured_ns + (seconds + 1) * second_ns);
        double at_s = is_ended ? ((double)now_ns() - (double)job_run->measured_ns) / 1e9 : seconds + 1;
        const struct tally *second = &job_run->measure.second;
        if (!is_ended || second->latencies->total + second->failures > 0)
            end_second(job_run, seconds, at_s);
        watch_memory(job_run->run);
        seconds++;
    } while (!is_ended);
}

/* ---- one job ---- */

/* Until the last request ended; a job that time has ended was measured until then, also if nothing was due at its end.
 */
static double measured_seconds(const struct job_run *job_run)
{
    uint64_t until_ns = job_run->last_ns;
    uint64_t end_ns = job_run->turnstile.end_ns;
    if (end_ns <= now_ns() && until_ns < end_ns)
        until_ns = end_ns;
    return until_ns > job_run->measured_ns ? (double)(until_ns - job_run->measured_ns) / 1e9 : 0;
}

static void fill_figures(struct job_run *job_run)
{
    const struct job *job = job_run->job;
    struct job_figures *figures = job_run->figures;
    const char *urls[JOB_ENDPOINTS_MAX];
    double elapsed_s = ((double)now_ns() - (double)job_run->measured_ns) / 1e9; /* negative: it ended before */
    for (unsigned i = 0; i < job_run->targets_count; i++)
        urls[i] = job_run->targets[i].url;
    (void)memcpy(figures->name, job->name, sizeof figures->name);
    figures->is_open = job->rate != 0;
    figures->rate = (double)job->rate;
    figures->connections = job_connections(job);
    figures->not_begun = job_run->turnstile.not_begun;
    figures->seconds = measured_seconds(job_run);
    measure_figures(&job_run->measure, urls, job_run->targets_count, figures);
    figures->client_share = elapsed_s <= 0 ? 0 : (double)(thread_cpu_ns() - job_run->client_cpu_ns) / 1e9 / elapsed_s;
    uint64_t server_ns = process_cpu_ns(&job_run->run->settings->server) - job_run->server_cpu_ns;
    if (figures->all.count > 0 && job_run->run->settings->server.count > 0)
        figures->server_cpu_us = (double)server_ns / 1e3 / (double)figures->all.count;
}

static bool make_content(struct job_run *job_run, struct error *error)
{
    const struct job *job = job_run->job;
    if (job->data != NULL)
        return content_load(&job_run->content, job->data, error);
    content_make(&job_run->content, (unsigned)job->compressibility, job->seed);
    return true;
}

static bool open_targets(struct job_run *job_run, struct error *error)
{
    unsigned count = target_count_urls(job_run->job->endpoint);
    job_run->targets = calloc(count, sizeof *job_run->targets);
    job_run->shared = malloc(SHARED_BYTES);
    ASSERT(job_run->targets != NULL && job_run->shared != NULL);
    for (; job_run->targets_count < count; job_run->targets_count++)
        if (!target_open(job_run->job, job_run->targets_count, job_run->run->dialer,
                         &job_run->targets[job_run->targets_count], error))
            return false;
    return true;
}

SUSPENDS static bool create_bucket(struct job_run *job_run, struct error *error)
{
    struct worker worker;
    if (!job_writes(job_run->job))
        return true;
    worker_begin(&worker, job_run->job, &job_run->content, &job_run->targets[0],
                 span_of(job_run->shared, SHARED_BYTES));
    bool good = worker_create_bucket(&worker, error);
    worker_end(&worker);
    return good;
}

static bool begin_load(struct job_run *job_run, struct error *error)
{
    const struct job *job = job_run->job;
    struct arrivals arrivals;
    job_run->begun_ns = now_ns();
    job_run->measured_ns = job_run->begun_ns + (job->ramp_ms + job->warmup_ms) * 1000000;
    uint64_t end_ns = job->runtime_ms == 0 ? UINT64_MAX : job_run->measured_ns + job->runtime_ms * 1000000;
    plan_begin(&job_run->plan, job);
    measure_begin(&job_run->measure);
    if (job->rate != 0)
        arrivals_begin(&arrivals, (double)job->rate, (double)job->ramp_ms / 1e3, job->arrival_is_poisson != 0,
                       job->seed);
    return turnstile_begin(&job_run->turnstile, job->rate != 0 ? &arrivals : NULL, job_run->begun_ns, end_ns, error);
}

SUSPENDS static bool drive(struct job_run *job_run, struct error *error)
{
    if (!begin_load(job_run, error))
        return false;
    bool good = start_workers(job_run, error);
    if (!good)
        turnstile_close(&job_run->turnstile);
    watch(job_run);
    turnstile_end(&job_run->turnstile);
    return good;
}

static void close_job(struct job_run *job_run)
{
    for (unsigned i = 0; i < job_run->targets_count; i++)
        target_close(&job_run->targets[i]);
    free(job_run->targets);
    free(job_run->shared);
    content_free(&job_run->content);
    measure_end(&job_run->measure);
}

/* `figures` NULL: a preparation, of which no request may fail. */
SUSPENDS static bool run_job(struct run *run, const struct job *job, struct job_figures *figures, struct error *error)
{
    struct job_run *job_run = calloc(1, sizeof *job_run);
    ASSERT(job_run != NULL);
    *job_run = (struct job_run){.run = run, .job = job, .figures = figures};
    wait_queue_init(&job_run->ended);
    bool good = make_content(job_run, error) && open_targets(job_run, error) && create_bucket(job_run, error) &&
                drive(job_run, error);
    if (good && figures != NULL)
        fill_figures(job_run);
    else if (good && job_run->measure.failure[0] != '\0')
        good = error_set(error, ERROR_IO, NULL, "%s", job_run->measure.failure);
    close_job(job_run);
    free(job_run);
    return good || error_prepend(error, "job %s", job->name);
}

SUSPENDS static bool prepare_and_run(struct run *run, const struct job *job, struct job_figures *figures,
                                     struct error *error)
{
    struct job preparation;
    bool good = true;
    if (job->prepare) {
        job_preparation_of(job, &preparation);
        good = run_job(run, &preparation, NULL, error);
        job_free(&preparation);
    }
    return good && run_job(run, job, figures, error);
}

/* ---- all jobs ---- */

static bool may_begin(const struct run *run, unsigned index)
{
    const struct job_list *jobs = run->settings->jobs;
    const struct job *job = &jobs->jobs[index];
    for (unsigned i = 0; i < index; i++) {
        bool is_awaited =
            job->stonewall || (job->depends_on != NULL && strcmp(job->depends_on, jobs->jobs[i].name) == 0);
        if (is_awaited && !run->has_ended[i])
            return false;
    }
    return true;
}

struct job_start {
    struct run *run;
    unsigned index;
};

SUSPENDS static void await_and_run(void *argument)
{
    struct job_start start = *(struct job_start *)argument;
    struct run *run = start.run;
    struct error error;
    free(argument);
    while (!may_begin(run, start.index) && !run->has_failed)
        (void)wait_for(&run->changed, DEADLINE_NONE, &error);
    if (!run->has_failed &&
        !prepare_and_run(run, &run->settings->jobs->jobs[start.index], &run->figures->jobs[start.index], &error)) {
        if (!run->has_failed)
            *run->error = error;
        run->has_failed = true;
    }
    run->has_ended[start.index] = true;
    wait_wake_all(&run->changed);
    if (--run->running == 0)
        loop_stop(loop_current(), 0);
}

static bool begin_run(struct run *run, struct error *error)
{
    unsigned count = run->settings->jobs->count;
    run->has_ended = calloc(count, sizeof *run->has_ended);
    run->figures->jobs = calloc(count, sizeof *run->figures->jobs);
    run->figures->jobs_count = count;
    run->figures->started_ms = clock_wall_ms(clock_system());
    ASSERT(run->has_ended != NULL && run->figures->jobs != NULL);
    wait_queue_init(&run->changed);
    run->offload = offload_create("resolver", RESOLVERS, NAMES_MAX, error);
    if (run->offload == NULL)
        return false;
    run->dialer = dialer_create(run->offload);
    for (unsigned i = 0; i < count; i++) {
        struct job_start *start = malloc(sizeof *start);
        ASSERT(start != NULL);
        *start = (struct job_start){run, i};
        if (!fiber_spawn("job", await_and_run, start, error)) {
            free(start);
            return false;
        }
        run->running++;
    }
    return true;
}

static unsigned fibers_wanted(const struct job_list *jobs)
{
    unsigned fibers = FIBERS_BESIDE;
    for (unsigned i = 0; i < jobs->count; i++)
        fibers += job_connections(&jobs->jobs[i]);
    return fibers;
}

bool run_jobs(const struct run_settings *settings, struct run_figures *ret_figures, struct error *error)
{
    struct run run = {.settings = settings, .figures = ret_figures, .error = error};
    *ret_figures = (struct run_figures){0};
    const struct loop_options options = {.fibers_max = fibers_wanted(settings->jobs), .ring_entries = RING_ENTRIES};
    struct loop *loop = loop_create(&options, error);
    if (loop == NULL)
        return false;
    bool good = begin_run(&run, error);
    if (good)
        loop_run(loop);
    if (run.offload != NULL)
        offload_destroy(run.offload);
    dialer_destroy(run.dialer);
    loop_destroy(loop);
    free(run.has_ended);
    if (!good || run.has_failed)
        run_figures_free(ret_figures);
    return good && !run.has_failed;
}
