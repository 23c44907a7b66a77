/* tools/bale/estimate/estimate.h -- what packing would make of all objects of a source, from some of their frames.
 *
 * A frame is packed as baled packs it, header and place in the index included, so that nothing is guessed but which
 * frames were drawn. First eight frames of each stratum are read, then as many more as are asked for, where they tell
 * most. What cannot be read is left out of the mean of its stratum, and counted. */
#pragma once

#include "runtime/base/random.h"
#include "tools/bale/estimate/source.h"

#include <stdbool.h>
#include <stdint.h>

enum { ESTIMATE_FRAMES_MAX = 200000 };

struct estimate_settings {
    const struct random_source *random;
    unsigned frames; /* to be read, about */
    double within;   /* percent points: go on until the interval is that narrow; 0: it is as wide as it gets */
    int level;       /* of zstd */
    bool columns;    /* are numbers packed in columns? */
};

struct estimate_sums {
    uint64_t frames;   /* that were packed */
    uint64_t bytes;    /* of them */
    uint64_t lost;     /* that could not be read */
    uint64_t already;  /* that are packed already */
    struct error loss; /* why the last one was lost */
    /* Processor time of packing and verifying, for each byte of each stratum. */
    double ns_for_byte[POPULATION_STRATA];
};

/* The strata of a settled population are filled in. False: nothing more can be read, or there is no memory. */
SUSPENDS bool estimate_run(struct estimate_source *source, struct population *population,
                           const struct estimate_settings *settings, struct estimate_sums *ret_sums,
                           struct error *error);
