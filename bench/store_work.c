/* bench/store_work.c -- the store, its shard, and the clocks. */
#include "bench/store_work.h"

#include "runtime/fiber/loop.h"
#include "store/embedded/embedded.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

_Noreturn void bench_fail(const struct error *error)
{
    (void)fprintf(stderr, "%s\n", error->message);
    exit(1);
}

double bench_cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* ---- the store ---- */

struct run {
    struct bucket_store *store;
    fiber_entry *entry;
    void *argument;
};

static void run_on_shard(void *argument)
{
    struct run *run = argument;
    struct error error;
    if (!embedded_attach_shard(run->store, 0, &error))
        bench_fail(&error);
    run->entry(run->argument);
    embedded_detach_shard(run->store);
    loop_stop(loop_current(), deadline_after_ms(1000));
}

void bench_run_store(const char *folder, struct bucket_store **store, fiber_entry *entry, void *argument)
{
    struct error error;
    const struct embedded_options options = {.shards = 1};
    *store = embedded_open(folder, &options, &error);
    struct loop *loop = *store == NULL ? NULL : loop_create(&(struct loop_options){0}, &error);
    struct run run = {*store, entry, argument};
    if (loop == NULL || !fiber_spawn("bench", run_on_shard, &run, &error))
        bench_fail(&error);
    loop_run(loop);
    loop_destroy(loop);
    embedded_close(*store);
}

/* ---- fibers ---- */

SUSPENDS struct bench_cost bench_run_fibers(struct bench_fibers *fibers, unsigned count, fiber_entry *entry,
                                            void *argument)
{
    struct error error;
    *fibers = (struct bench_fibers){.running = count};
    wait_queue_init(&fibers->ended);
    double cpu_us = bench_cpu_us();
    uint64_t started_ns = clock_monotonic_ns(clock_system());
    for (unsigned i = 0; i < count; i++) {
        if (!fiber_spawn("bench", entry, argument, &error))
            bench_fail(&error);
    }
    while (fibers->running > 0)
        (void)wait_for(&fibers->ended, DEADLINE_NONE, &error);
    uint64_t wall_ns = clock_monotonic_ns(clock_system()) - started_ns;
    return (struct bench_cost){bench_cpu_us() - cpu_us, (double)wall_ns / 1e3};
}

void bench_fiber_ended(struct bench_fibers *fibers)
{
    fibers->running--;
    wait_wake_all(&fibers->ended);
}
