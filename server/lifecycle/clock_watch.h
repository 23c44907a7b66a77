/* server/lifecycle/clock_watch.h -- may the wall clock be believed? A clock that is wrong by years would expire
 * everything.
 *
 * It is held against the monotonic clock, which no setting of the time moves: when the two part by more than an hour,
 * the time was set. And at a start against the last time that was believed, which is kept: when that is more than 35
 * days ago, the server stood still for long, or the clock is wrong; when it is more than an hour ahead, one of the two
 * was wrong, and what is put now may have a date by which it falls due too early. In each case nothing is done until it
 * has gone steadily for 24 hours, or somebody says that it is right. A machine that was suspended looks like a clock
 * that was set. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum clock_trouble { CLOCK_IS_RIGHT, CLOCK_WAS_SET, CLOCK_LEAPT, CLOCK_IS_BEHIND };

struct clock_watch {
    bool has_looked;
    int64_t offset_ms;  /* wall clock less monotonic, at the last look */
    uint64_t steady_ns; /* monotonic: since when they have gone together */
    enum clock_trouble trouble;
};

/* What is wrong with it, seen at this moment. Look often: what happens between two looks is seen as one step.
 * `believed_ms`: the last time that was believed; 0: there is none. */
enum clock_trouble clock_watch_look(struct clock_watch *watch, int64_t wall_ms, uint64_t monotonic_ns,
                                    int64_t believed_ms);
/* Somebody knows that it is right. */
void clock_watch_confirm(struct clock_watch *watch);
/* A sentence for an operator; "" when it is right. */
const char *clock_trouble_text(enum clock_trouble trouble);
