/* bench/drive/run.h -- runs a list of jobs on one thread: each when those that it waits for have ended.
 *
 * Memory: for each connection under way a fiber's stack, an exchange and a worker (docs/bench.md has what that comes
 * to); for each job that runs its pool of bytes (16 MiB) and 264 KiB for each kind of request and each endpoint. None
 * of it grows with the number of requests; a second of a run leaves 64 bytes. */
#pragma once

#include "bench/drive/measure.h"
#include "bench/figures/process_cost.h"
#include "bench/job/job_file.h"

/* A second of a job, for who shows or writes it; valid during the call. */
struct run_second {
    const struct job *job;
    const struct point_figures *point;
    const struct hdr_histogram *latencies;
    double began_s;  /* from the beginning of what is measured */
    int64_t wall_ms; /* of that beginning, since 1970 */
    double left_s;   /* until it ends; negative: nobody knows */
};

struct run_settings {
    const struct job_list *jobs;
    struct process_set server;                                            /* count 0: nothing is watched */
    void (*every_second)(void *context, const struct run_second *second); /* must not wait; NULL: nobody looks */
    void *context;
};

/* Figures of all jobs, in their order, but for preparations. False: a job could not begin (its bucket, its objects);
 * requests that fail are counted, and no reason to end. Makes a loop of its own on the calling thread. */
bool run_jobs(const struct run_settings *settings, struct run_figures *ret_figures, struct error *error);
