/* tests/sim/run/ending.h -- the end of a run: faults stop, all is delivered, everything that was open is decided. */
#pragma once

#include <stdbool.h>

void ending_run(void);
/* On a store that does not keep its promises: nobody has written anything (J48). */
void ending_refusal(void);
bool all_refuse(void);
