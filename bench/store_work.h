/* bench/store_work.h -- an embedded store with one shard, whose work runs on fibers and is timed: the ground of the
 * benchmarks of the store. */
#pragma once

#include "runtime/fiber/wait.h"
#include "store/bucket.h"

/* Ends the program with what the error says. */
_Noreturn void bench_fail(const struct error *error);

/* Of the whole process, committer included, since it began. */
double bench_cpu_us(void);

/* Opens the store in `folder`, runs entry(argument) on a fiber of its shard with *store set, closes it. */
void bench_run_store(const char *folder, struct bucket_store **store, fiber_entry *entry, void *argument);

/* So many fibers that all run entry(argument), which calls bench_fiber_ended() last, and what they took together. */
struct bench_fibers {
    unsigned running;
    struct wait_queue ended;
};
struct bench_cost {
    double cpu_us;
    double wall_us;
};
SUSPENDS struct bench_cost bench_run_fibers(struct bench_fibers *fibers, unsigned count, fiber_entry *entry,
                                            void *argument);
void bench_fiber_ended(struct bench_fibers *fibers);
