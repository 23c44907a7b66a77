/* bench/journal/journal_bench.c -- the journal on an embedded store: ops a second, acks, folds, requests, memory.
 *
 *   journal_bench FOLDER [--seconds 60] [--idle-seconds 30] [--callers 512] [--ops 16] [--keys 100000] [--replicas 1]
 *
 * The folder must be new. Each replica is a thread with a shard; its callers submit batches of ops, with batch ids, one
 * after the other, while folds, cleanup and bell go on as they do in the server. Then comes silence. The table says
 * which of the bars are met; the exit code is 1 when one is not (bars are for one replica). */
#include "bench/journal/journal_replica.h"
#include "bench/journal/journal_work.h"
#include "journal/replica/replica.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "store/embedded/embedded.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPLICAS_MAX = 8, QUIET_MS = 12000, WRITES_SPACED_MS = 1 };

static struct {
    unsigned seconds, idle_seconds, callers, ops, replicas;
    uint64_t keys;
    const char *folder;
} arguments = {60, 30, 512, 16, 1, 100000, NULL};

struct figures {
    struct journal_instance instance;
    struct wait_queue callers_ended;
    unsigned callers;
    bool is_over;
    uint64_t begun_ns, ended_ns, cpu_ns;
    uint64_t batches, first_try, refused, rejected, unknown;
    uint32_t *acks_us;
    size_t acks_count, acks_capacity;
    uint64_t live_bytes_largest;
    uint64_t segments, segment_bytes, part_bytes, head_bytes, longest_ns, folds;
    uint64_t idle_ns, idle_requests, idle_conditional, idle_cpu_ns;
    uint64_t digest, generation;
};

static const struct span bucket = SPAN(".bale");
static struct bucket_store *store;
static pthread_barrier_t all_quiet;

static void fail(const struct error *error)
{
    (void)fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static bool attach(unsigned shard, struct error *error)
{
    return embedded_attach_shard(store, shard, error);
}

SUSPENDS static void detach(void)
{
    embedded_detach_shard(store);
}

/* ---- writing ---- */

static void remember_ack(struct figures *figures, uint64_t nanoseconds)
{
    if (figures->acks_count == figures->acks_capacity) {
        figures->acks_capacity = figures->acks_capacity == 0 ? 1 << 16 : 2 * figures->acks_capacity;
        figures->acks_us = realloc(figures->acks_us, figures->acks_capacity * sizeof *figures->acks_us);
        ASSERT(figures->acks_us != NULL);
    }
    figures->acks_us[figures->acks_count++] = (uint32_t)(nanoseconds / 1000);
}

SUSPENDS static void call(void *argument)
{
    struct journal_replica *replica = argument;
    struct figures *figures = replica->context;
    struct journal_work work = {random_system(), arguments.keys};
    struct random_seeded seeded;
    struct random_source randomness = random_seeded(&seeded, random_u64(random_system()));
    work.random = &randomness;
    struct buffer ops = {0};
    struct error error;
    while (!figures->is_over) {
        struct journal_batch batch = {0};
        random_fill(&randomness, &batch.id, sizeof batch.id);
        buffer_clear(&ops);
        journal_work_put_ops(&work, &ops, arguments.ops);
        batch.ops = buffer_span(&ops);
        uint64_t began = clock_monotonic_ns(loop_clock());
        struct journal_answer answer = journal_submit(figures->instance.journal, &batch, &error);
        figures->batches += answer.outcome != JOURNAL_REFUSED;
        figures->first_try += answer.outcome == JOURNAL_COMMITTED;
        figures->rejected += answer.outcome == JOURNAL_REJECTED;
        figures->unknown += answer.outcome == JOURNAL_UNKNOWN;
        figures->refused += answer.outcome == JOURNAL_REFUSED;
        if (answer.outcome == JOURNAL_COMMITTED)
            remember_ack(figures, clock_monotonic_ns(loop_clock()) - began);
        else
            journal_replica_sleep(5);
        if (figures->instance.journal->tail.live_bytes > figures->live_bytes_largest)
            figures->live_bytes_largest = figures->instance.journal->tail.live_bytes;
    }
    buffer_free(&ops);
    figures->callers--;
    wait_wake_all(&figures->callers_ended);
}

SUSPENDS static void write_for_a_while(struct journal_replica *replica)
{
    struct figures *figures = replica->context;
    struct error error;
    journal_watch_reset(&figures->instance.watch);
    wait_queue_init(&figures->callers_ended);
    uint64_t folds = journal_counters(figures->instance.journal)->folds_published;
    uint64_t cpu = thread_cpu_ns();
    figures->begun_ns = clock_monotonic_ns(loop_clock());
    figures->callers = arguments.callers;
    for (unsigned i = 0; i < arguments.callers; i++) {
        if (!fiber_spawn("caller", call, replica, &error))
            fail(&error);
    }
    journal_replica_sleep(arguments.seconds * UINT64_C(1000));
    figures->is_over = true;
    while (figures->callers > 0)
        (void)wait_for(&figures->callers_ended, DEADLINE_NONE, &error);
    figures->ended_ns = clock_monotonic_ns(loop_clock());
    figures->cpu_ns = thread_cpu_ns() - cpu;
    figures->segments = figures->instance.watch.segments;
    figures->segment_bytes = figures->instance.watch.segment_bytes;
    figures->folds = journal_counters(figures->instance.journal)->folds_published - folds;
}

/* ---- silence ---- */

SUSPENDS static void be_quiet(struct journal_replica *replica)
{
    struct figures *figures = replica->context;
    struct error error;
    journal_replica_sleep(QUIET_MS); /* what is live is folded */
    figures->part_bytes = figures->instance.watch.part_bytes;
    figures->head_bytes = figures->instance.watch.head_bytes_largest;
    figures->longest_ns = figures->instance.watch.longest_ns;
    (void)pthread_barrier_wait(&all_quiet); /* blocks the thread: nothing else happens on it now */
    if (!journal_flush(figures->instance.journal, &error))
        fail(&error);
    figures->digest = journal_state(figures->instance.journal)->digest;
    figures->generation = journal_head(figures->instance.journal)->generation;
    journal_watch_reset(&figures->instance.watch);
    uint64_t cpu = thread_cpu_ns();
    uint64_t began = clock_monotonic_ns(loop_clock());
    journal_replica_sleep(arguments.idle_seconds * UINT64_C(1000));
    figures->idle_ns = clock_monotonic_ns(loop_clock()) - began;
    figures->idle_cpu_ns = thread_cpu_ns() - cpu;
    figures->idle_requests = figures->instance.watch.requests;
    figures->idle_conditional = figures->instance.watch.conditional_gets;
}

SUSPENDS static void work(struct journal_replica *replica)
{
    struct figures *figures = replica->context;
    struct error error;
    if (!bucket_create(store, &(struct bucket_intent){.name = bucket}, &error) && error.kind != ERROR_CONFLICT)
        fail(&error);
    journal_instance_open(&figures->instance, store, bucket, SPAN("journal/"),
                          &(struct journal_options){.may_seed = true});
    if (!journal_instance_wait_ready(&figures->instance, 60000)) {
        (void)fprintf(stderr, "the journal did not become ready\n");
        exit(1);
    }
    write_for_a_while(replica);
    be_quiet(replica);
    journal_instance_close(&figures->instance);
}

/* ---- the table ---- */

static int by_value(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a;
    uint32_t second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

static double ack_ms(const struct figures *figures, double part)
{
    return figures->acks_count == 0 ? 0 : figures->acks_us[(size_t)((double)(figures->acks_count - 1) * part)] / 1000.0;
}

static bool all_met = true;

static void row(const char *what, double value, const char *unit, const char *bar, bool is_met)
{
    all_met &= is_met;
    (void)printf("  %-44s %14.2f %-10s %-22s %s\n", what, value, unit, bar,
                 bar[0] == '\0' ? ""
                 : is_met       ? "met"
                                : "MISSED");
}

static void report_idle(const struct figures *figures)
{
    double hours = (double)figures->idle_ns / 3.6e12;
    row("requests per idle hour", (double)figures->idle_requests / hours, "", "one a poll of 2 s",
        (double)figures->idle_requests / hours <= 1900 && figures->idle_requests == figures->idle_conditional);
    row("  of them conditional GETs", (double)figures->idle_conditional / hours, "", "", true);
    row("CPU per idle hour", (double)figures->idle_cpu_ns / 1e9 / hours, "s", "", true);
}

static void report(struct journal_replica *replica)
{
    struct figures *figures = replica->context;
    double seconds = (double)(figures->ended_ns - figures->begun_ns) / 1e9;
    qsort(figures->acks_us, figures->acks_count, sizeof figures->acks_us[0], by_value);
    double ops = (double)figures->first_try * arguments.ops;
    (void)printf("replica %u: %.1f s, %u callers, batches of %u ops, %llu generations folded\n", replica->shard,
                 seconds, arguments.callers, arguments.ops, (unsigned long long)figures->folds);
    bool alone = arguments.replicas == 1;
    row("committed", ops / seconds, "ops/s", alone ? ">= 100000" : "", !alone || ops / seconds >= 100000);
    row("CPU of the shard's thread per op", (double)figures->cpu_ns / 1e3 / ops, "us", "", true);
    row("segments", (double)figures->segments / seconds, "/s", "<= 200", (double)figures->segments / seconds <= 200);
    row("ack p50", ack_ms(figures, 0.5), "ms", "", true);
    row("ack p99", ack_ms(figures, 0.99), "ms", "", true);
    row("ack p99.9", ack_ms(figures, 0.999), "ms", "", true);
    row("committed at the first try", 100.0 * (double)figures->first_try / (double)figures->batches, "%", ">= 99.9",
        (double)figures->first_try >= 0.999 * (double)figures->batches);
    row("refused (queues full)", (double)figures->refused, "batches", "", true);
    row("live bytes, most", (double)figures->live_bytes_largest / 1e6, "MB", "<= 67.11 (64 MiB)",
        figures->live_bytes_largest <= 64 << 20);
    if (alone)
        row("parts written per byte folded", (double)figures->part_bytes / (double)figures->segment_bytes, "", "<= 8",
            (double)figures->part_bytes <= 8 * (double)figures->segment_bytes);
    row("largest head", (double)figures->head_bytes, "bytes", "< 65536", figures->head_bytes < 65536);
    row("longest stretch on the loop (CPU)", (double)figures->longest_ns / 1e6, "ms", "", true);
    report_idle(figures);
    free(figures->acks_us);
}

static void parse(int count, char **texts)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'},
        {"idle-seconds", required_argument, NULL, 'i'},
        {"callers", required_argument, NULL, 'c'},
        {"ops", required_argument, NULL, 'o'},
        {"keys", required_argument, NULL, 'k'},
        {"replicas", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, texts, "", options, NULL)) != -1;) {
        uint64_t value = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
        switch (option) {
        case 's':
            arguments.seconds = (unsigned)value;
            break;
        case 'i':
            arguments.idle_seconds = (unsigned)value;
            break;
        case 'c':
            arguments.callers = (unsigned)value;
            break;
        case 'o':
            arguments.ops = (unsigned)value;
            break;
        case 'k':
            arguments.keys = value;
            break;
        case 'r':
            arguments.replicas = (unsigned)value;
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != count || arguments.replicas < 1 || arguments.replicas > REPLICAS_MAX || arguments.ops < 1 ||
        arguments.keys < 1) {
        (void)fprintf(stderr,
                      "usage: %s FOLDER [--seconds 60] [--idle-seconds 30] [--callers 512] [--ops 16] "
                      "[--keys 100000] [--replicas 1]\n",
                      texts[0]);
        exit(2);
    }
    arguments.folder = texts[optind];
}

int main(int count, char **texts)
{
    static struct journal_replica replicas[REPLICAS_MAX];
    static struct figures figures[REPLICAS_MAX];
    struct error error;
    parse(count, texts);
    struct offload *offload = offload_create("listing", 1, 64, &error);
    struct embedded_options options = {.shards = arguments.replicas, .offload = offload};
    store = offload == NULL ? NULL : embedded_open(arguments.folder, &options, &error);
    if (store == NULL)
        fail(&error);
    (void)pthread_barrier_init(&all_quiet, NULL, arguments.replicas);
    for (unsigned i = 0; i < arguments.replicas; i++) {
        replicas[i] = (struct journal_replica){
            .shard = i, .attach = attach, .detach = detach, .work = work, .context = &figures[i]};
        if (!journal_replica_start(&replicas[i], &error))
            fail(&error);
    }
    for (unsigned i = 0; i < arguments.replicas; i++)
        journal_replica_join(&replicas[i]);
    for (unsigned i = 0; i < arguments.replicas; i++) {
        report(&replicas[i]);
        if (figures[i].digest != figures[0].digest)
            row("replicas that differ", i, "", "none", false);
    }
    embedded_close(store);
    offload_destroy(offload);
    return all_met ? 0 : 1;
}
