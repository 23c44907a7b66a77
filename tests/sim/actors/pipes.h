/* tests/sim/actors/pipes.h -- callers that keep records of their own for any time and send them through spool ops:
 * several at once, again after a crash, again long after they counted. */
#pragma once

#include "tests/sim/simulation.h"

void pipes_begin(void);
/* A task of a process: takes over a pipe that nobody sends, or makes one. `argument`: the actor. */
void pipe_run(void *argument);
unsigned pipes_open(void); /* entries in the state at most */
/* Of every pipe the state counts the records up to its last, each once. */
void check_pipes(const struct state *state);
