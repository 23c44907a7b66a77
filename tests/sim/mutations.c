/* tests/sim/mutations.c -- the table of mutations: seeds until the first catch, how many of how many, and by which
 * rule. */
#include "tests/sim/mutations.h"

#include "journal/mutation.h"
#include "runtime/base/assert.h"
#include "tests/sim/run/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MUTATION_CATCHES = 5, JOBS_MAX = 16, RULE_BYTES = 8 };

static const char *const names[] = {"none",
#define X(name) #name,
                                    JOURNAL_MUTATION_LIST(X)
#undef X
};

struct catches {
    enum journal_mutation mutation;
    uint64_t first, seeds;
    unsigned count;
    char rule[RULE_BYTES]; /* of the first one */
};

bool mutation_select(const char *name)
{
    for (unsigned m = 1; m < MUTATION_count; m++) {
        if (strcmp(names[m], name) == 0)
            journal_mutation = (enum journal_mutation)m;
    }
    return journal_mutation != MUTATION_none;
}

static void catch_one(struct catches *catches, uint64_t first, uint64_t count)
{
    journal_mutation = catches->mutation;
    for (uint64_t seed = first; seed < first + count && catches->count < MUTATION_CATCHES; seed++) {
        struct run_result run;
        run_seed(seed, &run);
        catches->seeds++;
        if (!run.is_violated)
            continue;
        if (catches->count++ == 0) {
            catches->first = seed - first + 1;
            (void)snprintf(catches->rule, sizeof catches->rule, "%.*s", (int)strcspn(run.violation, ":"),
                           run.violation);
        }
    }
}

static void print_catches(const struct catches *catches)
{
    if (catches->count == 0)
        printf("%-32s not caught in %llu seeds\n", names[catches->mutation], (unsigned long long)catches->seeds);
    else
        printf("%-32s first after %5llu seeds, %u of %llu, by %s%s\n", names[catches->mutation],
               (unsigned long long)catches->first, catches->count, (unsigned long long)catches->seeds, catches->rule,
               catches->count < MUTATION_CATCHES ? "  TOO FEW" : "");
    (void)fflush(stdout);
}

/* Each in a process of its own: a mutation may also crash, which does not count. */
static int start_job(enum journal_mutation mutation, uint64_t first, uint64_t count, pid_t *ret_child)
{
    int ends[2];
    ASSERT(pipe(ends) == 0);
    (void)fflush(stdout);
    *ret_child = fork();
    ASSERT(*ret_child >= 0);
    if (*ret_child == 0) {
        struct catches catches = {.mutation = mutation};
        catch_one(&catches, first, count);
        _exit(write(ends[1], &catches, sizeof catches) == (ssize_t)sizeof catches ? 0 : 2);
    }
    (void)close(ends[1]);
    return ends[0];
}

static bool end_job(int end, pid_t child, enum journal_mutation mutation)
{
    struct catches catches;
    bool is_told = read(end, &catches, sizeof catches) == (ssize_t)sizeof catches;
    (void)close(end);
    (void)waitpid(child, NULL, 0);
    if (is_told)
        print_catches(&catches);
    else
        printf("%-32s crashed\n", names[mutation]);
    return is_told && catches.count >= MUTATION_CATCHES;
}

unsigned mutations_run(uint64_t first, uint64_t count, unsigned jobs, const char *name)
{
    int ends[JOBS_MAX];
    pid_t children[JOBS_MAX];
    unsigned missed = 0;
    if (jobs == 0)
        jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    jobs = jobs > JOBS_MAX ? JOBS_MAX : jobs;
    unsigned next = 1;
    for (unsigned m = 1; m < MUTATION_count; m++) { /* a window of `jobs` of them, printed in their order */
        for (; next < MUTATION_count && next < m + jobs; next++) {
            if (name == NULL || strcmp(names[next], name) == 0)
                ends[next % jobs] = start_job((enum journal_mutation)next, first, count, &children[next % jobs]);
        }
        if (name == NULL || strcmp(names[m], name) == 0)
            missed += !end_job(ends[m % jobs], children[m % jobs], (enum journal_mutation)m);
    }
    return missed;
}
