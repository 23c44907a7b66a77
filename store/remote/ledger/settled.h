/* store/remote/ledger/settled.h -- what was settled as done a moment ago, while somebody may have been counting
 * objects.
 *
 * A recount enters what lies there, less what the journal says. What a process has just found out that it did lies
 * there already, and is in the journal a second later: a recount that ends in between counts it, and this process hears
 * of that recount two seconds later. So what was settled is remembered for as long as that may take; when there has
 * been a recount by then, one change more is uncertain for each. Not shared between threads. */
#pragma once

#include "store/remote/ledger/log.h"

enum { SETTLED_REMEMBERED_MS = 4000 }; /* a second to the journal, two until it is read again, and one to spare */

/* Zeroed: nothing was. */
struct settled_lately {
    struct amounts_table uncertain; /* that each would be */
    uint64_t recounts;              /* how many there had been */
    uint64_t until_ms;              /* monotonic */
};

/* An intent of the bucket counts from now on. Behind settled_check with the same `recounts`. */
void settled_note(struct settled_lately *lately, struct span bucket, uint64_t recounts, uint64_t now_ms);
/* So many recounts there have been: what they may have counted as well goes into the log; what is old is forgotten. */
void settled_check(struct settled_lately *lately, struct intent_log *log, uint64_t recounts, uint64_t now_ms);
