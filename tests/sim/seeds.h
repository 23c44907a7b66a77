/* tests/sim/seeds.h -- runs many seeds, on several processors, and says which of them violate what. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Returns how many things went wrong: violated seeds, and, of a large set, what was never covered. A failing seed
 * prints one line that repeats it. `jobs`: processes that share the work; 0: one for each processor. */
unsigned seeds_run(uint64_t first, uint64_t count, unsigned jobs);
