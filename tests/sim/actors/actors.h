/* tests/sim/actors/actors.h -- replicas that start, crash, start again, and are cloned. */
#pragma once

#include "tests/sim/simulation.h"

void actor_start(struct actor *actor);
void actor_free(struct actor *actor); /* its journal must be idle */
/* Waits for a good tick, at most for half a minute and 60 ticks. */
void actor_flush(struct actor *actor);
/* Starts and restarts the actors until *is_over. */
void supervisor_run(void *is_over);
