/* tests/sim/run/run.h -- one seed: replicas, compactors, callers and restarts over the simulated world, and the
 * oracles. */
#pragma once

#include "tests/sim/world/world.h"

enum { VIOLATION_BYTES = 200 };

struct run_result {
    bool is_violated, had_multi_page;
    char violation[VIOLATION_BYTES];
    uint64_t first_tries, first_commits; /* of runs without faults */
    uint64_t trace, generations, committed, rejected, unknown, batches;
};

void run_seed(uint64_t seed, struct run_result *ret_result);
