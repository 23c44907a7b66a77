/* tests/sim/actors/changers.h -- callers that change settings of a bucket (journal/settings/change.h): what was
 * answered holds until another change replaces it that did not end before. */
#pragma once

#include "tests/sim/simulation.h"

void changers_begin(void);
/* A task of a process. `argument`: the actor. */
void changer_run(void *argument);
/* At the end, in a run in which nobody touched what others had written. */
void check_changes(const struct state *state);
