/* tests/sim/world/requests.h -- the store as a process sees it: requests that get lost, come late, twice, or in part
 * (S1-S16). */
#pragma once

#include "journal/store.h"

struct process;

void requests_begin(void);
/* So many that were sent while there were faults are still waited for. */
unsigned requests_awaited_since_faults(void);

/* The interface of journal/store.h for this process. */
struct journal_store requests_of_process(void);
