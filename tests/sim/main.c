/* tests/sim/main.c -- sim [--seed N] [--seeds COUNT] [--first N] [--jobs N] [--mutation NAME] [--mutations] */
#include "tests/sim/mutations.h"
#include "tests/sim/seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seed N] [--seeds COUNT] [--first N] [--jobs N] [--mutation NAME] [--mutations]\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t first = 1;
    uint64_t count = 1000;
    unsigned jobs = 0;
    bool all_mutations = false;
    const char *mutation = NULL;
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
            mutation = value;
        } else {
            return usage();
        }
        i++;
    }
    if (all_mutations)
        return mutations_run(first, count, jobs, mutation) != 0;
    if (mutation != NULL && !mutation_select(mutation))
        return usage();
    return seeds_run(first, count, jobs) != 0;
}
