/* tests/sim/main.c -- sim [--seed N] [--seeds COUNT] [--first N] [--jobs N] [--mutation NAME | --mutations] */
#include "journal/mutation.h"
#include "tests/sim/run.h"
#include "tests/sim/seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern enum journal_mutation journal_mutation;

static const char *const mutation_names[] = {"none",
#define X(name) #name,
                                             JOURNAL_MUTATION_LIST(X)
#undef X
};

static void run_mutations(uint64_t count, enum journal_mutation only)
{
    for (unsigned m = 1; m < MUTATION_count; m++) {
        if (only != MUTATION_none && m != only)
            continue;
        journal_mutation = (enum journal_mutation)m;
        uint64_t first = 0;
        unsigned caught = 0;
        char rule[8] = "-";
        for (uint64_t seed = 1; seed <= count && caught < 5; seed++) {
            struct run_result run;
            run_seed(seed, &run);
            if (!run.is_violated)
                continue;
            if (caught++ == 0) {
                first = seed;
                (void)snprintf(rule, sizeof rule, "%.*s", (int)strcspn(run.violation, ":"), run.violation);
            }
        }
        printf("%-32s caught %u, first at seed %llu, by %s\n", mutation_names[m], caught, (unsigned long long)first,
               rule);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    uint64_t first = 1;
    uint64_t count = 1000;
    unsigned jobs = 0;
    bool all_mutations = false;
    enum journal_mutation mutation = MUTATION_none;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--mutations") == 0) {
            all_mutations = true;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            first = strtoull(value, NULL, 10);
            count = 1;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            count = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0) {
            first = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--jobs") == 0) {
            jobs = (unsigned)strtoul(value, NULL, 10);
        } else if (strcmp(argv[i], "--mutation") == 0) {
            for (unsigned m = 1; m < MUTATION_count; m++)
                mutation = strcmp(mutation_names[m], value) == 0 ? (enum journal_mutation)m : mutation;
        } else {
            fprintf(stderr,
                    "usage: sim [--seed N] [--seeds COUNT] [--first N] [--jobs N] [--mutation NAME] [--mutations]\n");
            return 2;
        }
        i++;
    }
    if (all_mutations) {
        run_mutations(count, mutation);
        return 0;
    }
    journal_mutation = mutation;
    return seeds_run(first, count, jobs) != 0;
}
