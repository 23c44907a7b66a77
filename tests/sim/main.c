/* tests/sim/main.c -- sim [--seed N] [--seeds COUNT] [--from N] [--long --from N] [--jobs N] [--mutation NAME]
 * [--mutations] */
#include "tests/sim/mutations.h"
#include "tests/sim/seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_SEEDS = 1000000 };

static int usage(void)
{
    fprintf(stderr, "usage: sim --seed N            one seed again\n"
                    "       sim [--seeds COUNT] [--from N] [--jobs N]\n"
                    "       sim --long --from N    1,000,000 seeds, of a range that nobody has used\n"
                    "       sim --mutations [--mutation NAME] [--seeds COUNT] [--from N] [--jobs N]\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t first = 1;
    uint64_t count = 1000;
    unsigned jobs = 0;
    bool all_mutations = false;
    bool is_long = false;
    const char *mutation = NULL;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--mutations") == 0) {
            all_mutations = true;
            continue;
        }
        if (strcmp(argv[i], "--long") == 0) {
            is_long = true;
            count = LONG_SEEDS;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            first = strtoull(value, NULL, 10);
            count = 1;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            count = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--from") == 0) {
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
    if (is_long && first == 1)
        return usage(); /* the first million is what everybody runs */
    if (all_mutations)
        return mutations_run(first, count, jobs, mutation) != 0;
    if (mutation != NULL && !mutation_select(mutation))
        return usage();
    return seeds_run(first, count, jobs) != 0;
}
