/* tests/sim/actors/workload.h -- draws what a seed is like, and submits batches. */
#pragma once

#include "tests/sim/simulation.h"

void workload_draw(void);
/* A segment of another lineage comes into the bucket, as when one is copied over another: nobody may apply it. */
void workload_put_relic(void);
/* Makes the callers of a process that has just started. */
void workload_start(struct actor *actor);
