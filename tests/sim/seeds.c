/* tests/sim/seeds.c -- seeds in parallel: processes, because a simulation is one thread and much static state. */
#include "tests/sim/seeds.h"

#include "runtime/base/assert.h"
#include "tests/sim/coverage.h"
#include "tests/sim/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 64, SEEDS_TOLD = 10000 /* a process says how far it has come */ };

/* What the seeds of one process add up to. */
struct tally {
    uint64_t seeds, violations, generations, batches, committed, unknown;
    uint64_t traces;                                        /* of all seeds together: the same whoever ran which */
    uint64_t first_tries, first_commits;                    /* of runs without faults */
    uint64_t small_generations, small_batches, single_page; /* seeds below what section 8.7 asks for */
    struct coverage_table coverage;
};

static void add_run(struct tally *tally, const struct run_result *run)
{
    tally->seeds++;
    tally->violations += run->is_violated;
    tally->generations += run->generations;
    tally->traces ^= run->trace;
    tally->batches += run->batches;
    tally->committed += run->committed;
    tally->unknown += run->unknown;
    tally->first_tries += run->first_tries;
    tally->first_commits += run->first_commits;
    tally->small_generations += run->generations < 20;
    tally->small_batches += run->batches <= 100;
    tally->single_page += !run->had_multi_page;
}

static void add_tally(struct tally *tally, const struct tally *part)
{
    tally->seeds += part->seeds;
    tally->violations += part->violations;
    tally->generations += part->generations;
    tally->traces ^= part->traces;
    tally->batches += part->batches;
    tally->committed += part->committed;
    tally->unknown += part->unknown;
    tally->first_tries += part->first_tries;
    tally->first_commits += part->first_commits;
    tally->small_generations += part->small_generations;
    tally->small_batches += part->small_batches;
    tally->single_page += part->single_page;
    coverage_add(&part->coverage);
}

static void print_run(uint64_t seed, const struct run_result *run)
{
    printf("seed %llu: trace %016llx, %llu generations, %llu batches, %llu committed, %llu unknown\n",
           (unsigned long long)seed, (unsigned long long)run->trace, (unsigned long long)run->generations,
           (unsigned long long)run->batches, (unsigned long long)run->committed, (unsigned long long)run->unknown);
}

/* Each job takes every jobs-th seed. */
static void run_share(uint64_t first, uint64_t count, unsigned jobs, struct tally *tally)
{
    for (uint64_t i = 0; i < count; i += jobs) {
        struct run_result run;
        run_seed(first + i, &run);
        add_run(tally, &run);
        if (count == 1)
            print_run(first, &run);
        if (run.is_violated)
            printf("%s\n  repeat: tools/sim --seed %llu\n", run.violation, (unsigned long long)(first + i));
        if (i / jobs % SEEDS_TOLD == SEEDS_TOLD - 1)
            fprintf(stderr, "%llu seeds, up to %llu\n", (unsigned long long)tally->seeds,
                    (unsigned long long)(first + i));
        (void)fflush(stdout);
    }
    tally->coverage = coverage;
}

/* Returns the end from which its tally can be read. */
static int start_job(unsigned job, unsigned jobs, uint64_t first, uint64_t count)
{
    int ends[2];
    ASSERT(pipe(ends) == 0);
    (void)fflush(stdout);
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        static struct tally tally;
        run_share(first + job, count - job, jobs, &tally);
        bool is_told = write(ends[1], &tally, sizeof tally) == (ssize_t)sizeof tally; /* below PIPE_BUF: in one piece */
        _exit(is_told ? 0 : 2);
    }
    (void)close(ends[1]);
    return ends[0];
}

static void run_jobs(uint64_t first, uint64_t count, unsigned jobs, struct tally *tally)
{
    int ends[JOBS_MAX];
    for (unsigned job = 0; job < jobs; job++)
        ends[job] = start_job(job, jobs, first, count);
    for (unsigned job = 0; job < jobs; job++) {
        static struct tally part;
        if (read(ends[job], &part, sizeof part) == (ssize_t)sizeof part) {
            add_tally(tally, &part);
        } else {
            printf("a process of the simulator has died; --jobs 1 shows where\n");
            tally->violations++;
        }
        (void)close(ends[job]);
        (void)wait(NULL);
    }
}

unsigned seeds_run(uint64_t first, uint64_t count, unsigned jobs)
{
    static struct tally tally;
    if (jobs == 0)
        jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    jobs = jobs > JOBS_MAX ? JOBS_MAX : jobs;
    jobs = jobs > count ? (unsigned)count : jobs;
    if (jobs > 1)
        run_jobs(first, count, jobs, &tally);
    else
        run_share(first, count, 1, &tally);
    double seeds = (double)(tally.seeds > 0 ? tally.seeds : 1);
    printf("%llu seeds, %llu violated; per seed %.1f generations, %.1f batches, %.1f committed, %.2f unknown\n",
           (unsigned long long)tally.seeds, (unsigned long long)tally.violations, (double)tally.generations / seeds,
           (double)tally.batches / seeds, (double)tally.committed / seeds, (double)tally.unknown / seeds);
    if (count == 1)
        return (unsigned)tally.violations;
    printf("seeds of fewer than 20 generations: %.1f %%, of at most 100 batches: %.1f %%, of one list page: %.1f %%\n",
           100.0 * (double)tally.small_generations / seeds, 100.0 * (double)tally.small_batches / seeds,
           100.0 * (double)tally.single_page / seeds);
    printf("traces %016llx\n", (unsigned long long)tally.traces);
    bool gets_on = 1000 * tally.first_commits >= 999 * tally.first_tries;
    printf("without faults %llu of %llu batches were committed at the first try: J52 %s\n",
           (unsigned long long)tally.first_commits, (unsigned long long)tally.first_tries,
           gets_on ? "holds" : "is violated");
    coverage_print(stdout);
    bool is_covered = count < COVERAGE_SEEDS || coverage_check(stdout);
    return (unsigned)tally.violations + !is_covered + !gets_on;
}
