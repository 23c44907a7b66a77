/* tests/sim/workload.h -- draws what a seed is like, and submits batches. */
#pragma once

#include "tests/sim/simulation.h"

void workload_draw(void);
/* Makes the callers of a process that has just started. */
void workload_start(struct actor *actor);
