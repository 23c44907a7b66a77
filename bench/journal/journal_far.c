/* bench/journal/journal_far.c -- the journal in a bucket of an S3 server that is far away: how long an ack takes when
 * several replicas write, what a quiet replica asks, how long a cold start takes.
 *
 *   journal_far URL BUCKET [--near URL] [--seconds 20] [--replicas 8] [--callers 2] [--segments 1000]
 *
 * URL is the server's, as a rule bench/slow_relay in front of it; --near is the server itself, by which the live
 * segments of the cold start are written. Keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; the bucket is there and
 * has no journal. Exit code 1: a bar is missed. */
#include "bench/journal/journal_watch.h"
#include "bench/journal/journal_work.h"
#include "journal/bucket_store.h"
#include "journal/fiber_scheduler.h"
#include "journal/journal.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/s3client.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REPLICAS_MAX = 32,
    ACKS_MAX = 1 << 16,
    OPS = 8,
    KEYS = 10000,
    QUIET_MS = 15000, /* until what is live is folded */
    IDLE_MS = 20000,
    READY_MS = 60000,
    STOP_MS = 60000,
    WRITERS = 8, /* of the cold start's segments */
    POLL_MS = 1500,
    NEVER_MS = 3600 * 1000,
};

static struct {
    const char *url, *near, *bucket;
    unsigned seconds, replicas, callers, segments;
} arguments = {.seconds = 20, .replicas = 8, .callers = 2, .segments = 1000};

/* A journal on this thread. */
struct instance {
    struct s3_endpoint *endpoint;
    struct journal_bucket *bucket;
    struct fiber_scheduler scheduler;
    struct journal_watch watch;
    struct journal *journal;
};

struct replica {
    pthread_t thread;
    struct instance instance;
    struct wait_queue callers_ended;
    unsigned callers;
    bool is_over;
    uint64_t acks_us[ACKS_MAX];
    size_t acks_count;
    uint64_t failed;
    uint64_t idle_requests, idle_conditional;
};

static struct s3_credential_source *credentials;
static pthread_barrier_t all_quiet;

static void fail(const char *what)
{
    (void)fprintf(stderr, "journal_far: %s\n", what);
    exit(1);
}

/* ---- an instance ---- */

SUSPENDS static void pause_ms(uint64_t milliseconds)
{
    struct wait_queue nobody;
    struct error error;
    wait_queue_init(&nobody);
    (void)wait_for(&nobody, deadline_after_ms(milliseconds), &error);
}

SUSPENDS static void instance_open(struct instance *instance, const char *url, const struct journal_options *options)
{
    struct error error;
    const struct s3_endpoint_settings settings = {.url = url, .credentials = credentials};
    instance->endpoint = s3_endpoint_create(&settings, &error);
    if (instance->endpoint == NULL)
        fail(error.message);
    const struct journal_s3_place place = {.endpoint = instance->endpoint,
                                           .bucket = span_from_string(arguments.bucket),
                                           .prefix = SPAN(".bale/journal/"),
                                           .labels_hold = true};
    instance->bucket = journal_bucket_open_s3(&place);
    fiber_scheduler_init(&instance->scheduler);
    journal_watch_init(&instance->watch, journal_bucket_store(instance->bucket), &instance->scheduler.base);
    const struct journal_environment environment = {.store = &instance->watch.store,
                                                    .clock = loop_clock(),
                                                    .random = random_system(),
                                                    .scheduler = &instance->watch.scheduler};
    instance->journal = journal_open(&environment, options);
}

SUSPENDS static uint64_t instance_wait_ready(const struct instance *instance)
{
    uint64_t began = loop_now_ns();
    while (journal_condition(instance->journal) != JOURNAL_RUNS) {
        if (loop_now_ns() - began > READY_MS * UINT64_C(1000000))
            fail("the journal did not become ready");
        pause_ms(2);
    }
    return loop_now_ns() - began;
}

SUSPENDS static void instance_close(struct instance *instance)
{
    journal_stop(instance->journal);
    (void)fiber_scheduler_stop(&instance->scheduler, deadline_after_ms(STOP_MS));
    journal_free(instance->journal);
    journal_bucket_close(instance->bucket);
    s3_endpoint_destroy(instance->endpoint);
}

static void on_loop(void (*entry)(void *), void *argument)
{
    struct error error;
    struct loop *loop = loop_create(&(struct loop_options){0}, &error);
    if (loop == NULL || !fiber_spawn("bench", entry, argument, &error))
        fail(error.message);
    loop_run(loop);
    loop_destroy(loop);
}

SUSPENDS static bool submit(struct journal *journal, const struct random_source *random)
{
    const struct journal_work work = {random, KEYS};
    struct journal_batch batch = {0};
    struct buffer ops = {0};
    struct error error;
    random_fill(random, &batch.id, sizeof batch.id);
    journal_work_put_ops(&work, &ops, OPS);
    batch.ops = buffer_span(&ops);
    bool is_committed = journal_submit(journal, &batch, &error).outcome == JOURNAL_COMMITTED;
    buffer_free(&ops);
    return is_committed;
}

/* ---- acks, and silence ---- */

SUSPENDS static void call(void *argument)
{
    struct replica *replica = argument;
    while (!replica->is_over) {
        uint64_t began = loop_now_ns();
        if (!submit(replica->instance.journal, random_system()))
            replica->failed++;
        else if (replica->acks_count < ACKS_MAX)
            replica->acks_us[replica->acks_count++] = (loop_now_ns() - began) / 1000;
    }
    replica->callers--;
    wait_wake_all(&replica->callers_ended);
}

SUSPENDS static void write_for_a_while(struct replica *replica)
{
    struct error error;
    wait_queue_init(&replica->callers_ended);
    replica->callers = arguments.callers;
    for (unsigned i = 0; i < arguments.callers; i++) {
        if (!fiber_spawn("caller", call, replica, &error))
            fail(error.message);
    }
    pause_ms(arguments.seconds * UINT64_C(1000));
    replica->is_over = true;
    while (replica->callers > 0)
        (void)wait_for(&replica->callers_ended, DEADLINE_NONE, &error);
}

SUSPENDS static void work(void *argument)
{
    struct replica *replica = argument;
    const struct journal_options options = {.may_seed = true, .poll_ms = POLL_MS};
    instance_open(&replica->instance, arguments.url, &options);
    (void)instance_wait_ready(&replica->instance);
    write_for_a_while(replica);
    pause_ms(QUIET_MS);
    (void)pthread_barrier_wait(&all_quiet); /* blocks the thread: nothing else happens on it now */
    pause_ms(2 * POLL_MS);
    journal_watch_reset(&replica->instance.watch);
    pause_ms(IDLE_MS);
    replica->idle_requests = replica->instance.watch.requests;
    replica->idle_conditional = replica->instance.watch.conditional_gets;
    instance_close(&replica->instance);
    loop_stop(loop_current(), deadline_after_ms(1000));
}

static void *run_replica(void *argument)
{
    on_loop(work, argument);
    return NULL;
}

/* ---- a cold start ---- */

struct filling {
    struct instance instance;
    unsigned left;
    unsigned writers;
    struct wait_queue ended;
};

SUSPENDS static void fill(void *argument)
{
    struct filling *filling = argument;
    while (filling->left > 0) {
        filling->left--;
        if (!submit(filling->instance.journal, random_system()))
            filling->left++;
    }
    filling->writers--;
    wait_wake_all(&filling->ended);
}

/* Segments that nobody folds, each of one batch: a writer has one on its way at a time. */
SUSPENDS static void write_segments(void *argument)
{
    struct filling *filling = argument;
    struct error error;
    const struct journal_options options = {
        .poll_ms = NEVER_MS, .fold_age_ms = NEVER_MS, .fold_segments = UINT32_MAX, .linger_ms = 1};
    wait_queue_init(&filling->ended);
    instance_open(&filling->instance, arguments.near, &options);
    (void)instance_wait_ready(&filling->instance);
    filling->writers = 1;
    if (!fiber_spawn("writer", fill, filling, &error))
        fail(error.message);
    while (filling->writers > 0)
        (void)wait_for(&filling->ended, DEADLINE_NONE, &error);
    instance_close(&filling->instance);
    loop_stop(loop_current(), deadline_after_ms(1000));
}

static void *run_filling(void *argument)
{
    on_loop(write_segments, argument);
    return NULL;
}

static uint64_t cold_ns;
static uint64_t cold_segments;

SUSPENDS static void start_cold(void *unused)
{
    (void)unused;
    static struct instance instance;
    struct journal_gauges gauges;
    const struct journal_options options = {.poll_ms = POLL_MS, .fold_age_ms = NEVER_MS, .fold_segments = UINT32_MAX};
    instance_open(&instance, arguments.url, &options);
    cold_ns = instance_wait_ready(&instance);
    journal_gauges(instance.journal, &gauges);
    cold_segments = gauges.live_segments;
    instance_close(&instance);
    loop_stop(loop_current(), deadline_after_ms(1000));
}

static void measure_cold_start(void)
{
    static struct filling fillings[WRITERS];
    pthread_t threads[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        fillings[i].left = arguments.segments / WRITERS + (i < arguments.segments % WRITERS);
        if (pthread_create(&threads[i], NULL, run_filling, &fillings[i]) != 0)
            fail("no thread");
    }
    for (unsigned i = 0; i < WRITERS; i++)
        (void)pthread_join(threads[i], NULL);
    on_loop(start_cold, NULL);
}

/* ---- the table ---- */

static bool all_met = true;

static void row(const char *what, double value, const char *unit, const char *bar, bool is_met)
{
    all_met &= is_met;
    (void)printf("  %-44s %10.2f %-6s %-22s %s\n", what, value, unit, bar,
                 bar[0] == '\0' ? ""
                 : is_met       ? "met"
                                : "MISSED");
}

static int by_value(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

static void report_acks(const struct replica *replicas)
{
    static uint64_t all[REPLICAS_MAX * ACKS_MAX];
    size_t count = 0;
    uint64_t failed = 0;
    for (unsigned i = 0; i < arguments.replicas; i++) {
        memcpy(all + count, replicas[i].acks_us, replicas[i].acks_count * sizeof all[0]);
        count += replicas[i].acks_count;
        failed += replicas[i].failed;
    }
    if (count == 0)
        fail("nothing was committed");
    qsort(all, count, sizeof all[0], by_value);
    double median = (double)all[count / 2] / 1e3;
    double late = (double)all[(count - 1) * 99 / 100] / 1e3;
    row("batches committed", (double)count, "", "", true);
    row("not at the first try", (double)failed, "", "", true);
    row("ack p50", median, "ms", "< 300", median < 300);
    row("ack p99", late, "ms", "< 1000", late < 1000);
    row("ack max", (double)all[count - 1] / 1e3, "ms", "", true);
}

static void report_idle(const struct replica *replicas)
{
    for (unsigned i = 0; i < arguments.replicas; i++) {
        const struct replica *replica = &replicas[i];
        double polls = (double)IDLE_MS / POLL_MS;
        if (i == 0 || replica->idle_requests != replica->idle_conditional)
            row("requests of a quiet replica, each poll", (double)replica->idle_requests / polls, "", "<= 1.1",
                (double)replica->idle_requests <= 1.1 * polls && replica->idle_requests == replica->idle_conditional);
    }
}

/* ---- the program ---- */

static void parse(int count, char **texts)
{
    static const struct option options[] = {
        {"near", required_argument, NULL, 'n'},     {"seconds", required_argument, NULL, 's'},
        {"replicas", required_argument, NULL, 'r'}, {"callers", required_argument, NULL, 'c'},
        {"segments", required_argument, NULL, 'g'}, {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, texts, "", options, NULL)) != -1;) {
        unsigned value = optarg == NULL ? 0 : (unsigned)strtoul(optarg, NULL, 10);
        if (option == 'n')
            arguments.near = optarg;
        else if (option == 's')
            arguments.seconds = value;
        else if (option == 'r')
            arguments.replicas = value;
        else if (option == 'c')
            arguments.callers = value;
        else if (option == 'g')
            arguments.segments = value;
        else
            exit(2);
    }
    if (optind + 2 != count || arguments.replicas < 1 || arguments.replicas > REPLICAS_MAX || arguments.callers < 1) {
        (void)fprintf(
            stderr, "usage: %s URL BUCKET [--near URL] [--seconds 20] [--replicas 8] [--callers 2] [--segments 1000]\n",
            texts[0]);
        exit(2);
    }
    arguments.url = texts[optind];
    arguments.bucket = texts[optind + 1];
    if (arguments.near == NULL)
        arguments.near = arguments.url;
}

int main(int count, char **texts)
{
    static struct replica replicas[REPLICAS_MAX];
    struct error error;
    parse(count, texts);
    const char *access_key = getenv("AWS_ACCESS_KEY_ID");
    const char *secret_key = getenv("AWS_SECRET_ACCESS_KEY");
    if (access_key == NULL || secret_key == NULL)
        fail("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set");
    credentials =
        s3_credentials_create_static(span_from_string(access_key), span_from_string(secret_key), SPAN_EMPTY, &error);
    (void)pthread_barrier_init(&all_quiet, NULL, arguments.replicas);
    for (unsigned i = 0; i < arguments.replicas; i++) {
        if (pthread_create(&replicas[i].thread, NULL, run_replica, &replicas[i]) != 0)
            fail("no thread");
    }
    for (unsigned i = 0; i < arguments.replicas; i++)
        (void)pthread_join(replicas[i].thread, NULL);
    (void)printf("%u replicas, %u callers each, %u s\n", arguments.replicas, arguments.callers, arguments.seconds);
    report_acks(replicas);
    report_idle(replicas);
    measure_cold_start();
    row("live segments at the cold start", (double)cold_segments, "", "", true);
    row("cold start", (double)cold_ns / 1e9, "s", "< 5", cold_ns < UINT64_C(5000000000));
    s3_credentials_destroy(credentials);
    return all_met ? 0 : 1;
}
