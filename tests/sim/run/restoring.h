/* tests/sim/run/restoring.h -- another end of a run: everything dies, the head is gone, and operators restore it. */
#pragma once

#include <stdbool.h>

/* Whether this run may end so: nobody else has taken anything away. */
bool restoring_is_possible(void);
void restoring_run(void);
