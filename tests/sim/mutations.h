/* tests/sim/mutations.h -- takes out one rule of the protocol after another and shows how soon an oracle notices. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Runs up to `count` seeds for each mutation (only one if `name` is not NULL), until MUTATION_CATCHES of them were
 * violated. Returns how many mutations were caught less often than that. */
unsigned mutations_run(uint64_t first, uint64_t count, unsigned jobs, const char *name);
/* False: there is none of that name. */
bool mutation_select(const char *name);
