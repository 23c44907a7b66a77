/* tests/sim/ending.h -- the end of a run: faults stop, all is delivered, everything that was open is decided. */
#pragma once

void ending_run(void);
