/* bench/tier/tier_hits.c -- what a tier hits and writes on drawn traces, beside LRU and S3-FIFO: mean, and lowest and
 * highest over several seeds of the trace.
 *
 *     tier_hits [SEEDS [BLOCKS_READ]]
 *
 * Three times BLOCKS_READ (8,000,000) are read before it is measured, so that what a tier takes in at first has gone.
 * A seed takes a minute and a half of a processor. */
#include "bench/tier/contest.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SEED = 15, SEEDS_MAX = 1000, ROUNDS_BEFORE = 3 };

struct setting {
    const char *name;
    unsigned kept_percent;
    unsigned walk_percent;
    unsigned once_percent;
};

static const struct setting settings[] = {
    {"a tenth of the blocks are kept", 10, 28, 0},
    {"the same, and 30 % of what is no walk is never asked for again", 10, 28, 30},
    {"without a walk", 10, 0, 0},
    {"a hundredth of the blocks are kept", 1, 28, 0},
};

static const char *const contestants[CONTESTANTS] = {"LRU", "S3-FIFO", "the tier"};

/* In percent, over the seeds. */
struct spread {
    double sum, least, most;
};

static void note(struct spread *spread, double percent, bool is_first)
{
    spread->sum += percent;
    spread->least = is_first || percent < spread->least ? percent : spread->least;
    spread->most = is_first || percent > spread->most ? percent : spread->most;
}

struct spreads {
    struct spread hits, hits_unwalked, written;
};

static double percent_of(uint64_t part, uint64_t whole)
{
    return 100.0 * (double)part / (double)whole;
}

static void run(const struct setting *setting, uint64_t seed, uint64_t reads, struct spreads spreads[CONTESTANTS])
{
    const struct trace_options options = {
        .seed = seed,
        .objects = 200000,
        .skew = 0.9,
        .drift_every = 300,
        .walk_percent = setting->walk_percent,
        .once_percent = setting->once_percent,
        .range_blocks_max = 8,
    };
    struct contest_figures figures;
    struct contest *contest = contest_begin(&options, setting->kept_percent, (ROUNDS_BEFORE + 1) * (reads + 8));
    contest_read(contest, ROUNDS_BEFORE * reads, &figures);
    contest_read(contest, reads, &figures);
    for (unsigned i = 0; i < CONTESTANTS; i++) {
        uint64_t hits_unwalked = figures.hits[i] - figures.hits_walked[i];
        note(&spreads[i].hits, percent_of(figures.hits[i], figures.reads), seed == FIRST_SEED);
        note(&spreads[i].hits_unwalked, percent_of(hits_unwalked, figures.reads - figures.walked), seed == FIRST_SEED);
        note(&spreads[i].written, percent_of(figures.written[i], figures.reads), seed == FIRST_SEED);
    }
    contest_end(contest);
}

static void print(const char *what, const struct spread *spread, unsigned seeds)
{
    (void)printf("  %s %.2f (%.2f to %.2f)", what, spread->sum / seeds, spread->least, spread->most);
}

int main(int count, char **arguments)
{
    unsigned seeds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 1;
    uint64_t reads = count > 2 ? strtoull(arguments[2], NULL, 10) : 8000000;
    if (seeds == 0 || seeds > SEEDS_MAX || reads == 0 || reads > 100000000) {
        (void)fprintf(stderr, "usage: tier_hits [SEEDS [BLOCKS_READ]]\n");
        return 2;
    }
    for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct spreads spreads[CONTESTANTS] = {0};
        for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++)
            run(&settings[i], seed, reads, spreads);
        (void)printf("%s, %u seeds, in %% of the blocks that are read\n", settings[i].name, seeds);
        for (unsigned j = 0; j < CONTESTANTS; j++) {
            (void)printf("  %-8s", contestants[j]);
            print("hit", &spreads[j].hits, seeds);
            print("of what is no walk", &spreads[j].hits_unwalked, seeds);
            print("written", &spreads[j].written, seeds);
            (void)printf("\n");
        }
        (void)fflush(stdout);
    }
    return 0;
}
