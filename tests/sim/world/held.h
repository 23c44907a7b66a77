/* tests/sim/world/held.h -- the PUT of a process that died waits on its way until a fold that must take the segment has
 * just listed: then it lands, and the process starts again while that fold is not published yet. So a replica shows
 * what will be rejected, which chance hardly ever makes it do. */
#pragma once

#include "tests/sim/world/progress.h"

#include <stdbool.h>

/* Is the request, of the process that runs, held? Then `land` (or `drop`, if the world ends before) is called with it
 * later. */
bool held_take(const char *name, void (*land)(void *request), void (*drop)(void *request), void *request);
/* A request that was just sent takes effect at that time. */
void held_look(const struct progress *progress, enum verb verb, const char *name, const char *after, uint64_t effect);
