/* tests/sim/main.c -- sim [--seed N] [--seeds COUNT] [--first N] [--mutation NAME | --mutations] */
#include "journal/mutation.h"
#include "tests/sim/run.h"

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

/* A counter that stays at zero over many seeds means that a fault is not tried. */
static void print_coverage(void)
{
    const struct coverage *c = &world_coverage;
    const struct {
        const char *name;
        uint64_t count;
    } counters[] = {
        {"requests", c->requests},
        {"lost", c->lost},
        {"answers lost", c->answers_lost},
        {"late", c->late},
        {"late effects", c->late_effects},
        {"twice", c->twice},
        {"409", c->conflicts},
        {"412", c->condition_failed},
        {"crashes", c->crashes},
        {"pauses", c->pauses},
        {"deletes skipped", c->deletes_skipped},
        {"pages", c->pages},
        {"pages with more behind", c->multi_page},
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        printf("%s%llu %s", i == 0 ? "" : ", ", (unsigned long long)counters[i].count, counters[i].name);
    printf("\n");
}

static unsigned run_seeds(uint64_t first, uint64_t count, bool stop_early, bool is_loud)
{
    unsigned violations = 0;
    uint64_t generations = 0, batches = 0, committed = 0, unknown = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct run_result run;
        run_seed(seed, &run);
        generations += run.generations;
        batches += run.batches;
        committed += run.committed;
        unknown += run.unknown;
        if (is_loud && count == 1)
            printf("seed %llu: trace %016llx, %llu generations, %llu batches, %llu committed, %llu unknown\n",
                   (unsigned long long)seed, (unsigned long long)run.trace, (unsigned long long)run.generations,
                   (unsigned long long)run.batches, (unsigned long long)run.committed, (unsigned long long)run.unknown);
        if (!run.is_violated)
            continue;
        violations++;
        if (is_loud)
            printf("%s\n  repeat: tools/sim --seed %llu\n", run.violation, (unsigned long long)seed);
        (void)fflush(stdout);
        if (stop_early)
            break;
    }
    if (is_loud)
        printf("%llu seeds, %u violated; per seed %.1f generations, %.1f batches, %.1f committed, %.2f unknown\n",
               (unsigned long long)count, violations, (double)generations / (double)count,
               (double)batches / (double)count, (double)committed / (double)count, (double)unknown / (double)count);
    if (is_loud)
        print_coverage();
    return violations;
}

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
        } else if (strcmp(argv[i], "--mutation") == 0) {
            for (unsigned m = 1; m < MUTATION_count; m++)
                mutation = strcmp(mutation_names[m], value) == 0 ? (enum journal_mutation)m : mutation;
        } else {
            fprintf(stderr, "usage: sim [--seed N] [--seeds COUNT] [--first N] [--mutation NAME] [--mutations]\n");
            return 2;
        }
        i++;
    }
    if (all_mutations) {
        run_mutations(count, mutation);
        return 0;
    }
    journal_mutation = mutation;
    return run_seeds(first, count, false, true) != 0;
}
