/* bench/drive/turnstile.h -- when the next request of a job begins: at once (a closed loop), or when it is due (an open
 * one), whichever worker is free.
 *
 * Only one worker at a time waits for the next request's time; the others stand in line behind it. A worker that comes
 * late begins at once, and the latency counts from the time that was missed. */
#pragma once

#include "bench/job/arrivals.h"
#include "runtime/fiber/wait.h"

struct turnstile {
    bool is_open_loop;
    struct arrivals arrivals;
    uint64_t begun_ns;
    uint64_t end_ns; /* UINT64_MAX: none */
    bool is_taken;
    bool is_over;
    struct wait_queue line;
    int timer; /* a timerfd: the loop's own timers are right to a millisecond only */
    uint64_t not_begun;
};

/* `arrivals` NULL: a closed loop. */
bool turnstile_begin(struct turnstile *turnstile, const struct arrivals *arrivals, uint64_t begun_ns, uint64_t end_ns,
                     struct error *error);
void turnstile_end(struct turnstile *turnstile);
/* When the request was due. False: time is over; what was due and has not begun is counted. */
SUSPENDS bool turnstile_pass(struct turnstile *turnstile, uint64_t *ret_due_ns);
/* Nothing more is to be begun, for another reason than time. */
void turnstile_close(struct turnstile *turnstile);
