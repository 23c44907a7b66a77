/* tools/bale/session/stopping.h -- SIGTERM and SIGINT for long commands: what is in hand is ended, what was found is
 * said, and the exit status is 3. A second signal ends the process at once. */
#pragma once

#include "runtime/base/error.h"

#include <stdint.h>

void stopping_watch(void);
/* Between two pieces of work: that long. False: it was asked for. */
bool stopping_wait(uint64_t ms);
/* False: it was asked for, and *error (ERROR_CANCELLED) says so. */
bool stopping_go_on(struct error *error);
