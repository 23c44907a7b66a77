/* server/lifecycle/clock_watch.c -- compares two clocks, and one of them with a time that was believed. */
#include "server/lifecycle/clock_watch.h"

static const int64_t STEP_MS = INT64_C(3600) * 1000;
static const int64_t LEAP_MS = INT64_C(35) * 24 * 3600 * 1000;
static const uint64_t STEADY_NS = UINT64_C(24) * 3600 * 1000000000;

enum clock_trouble clock_watch_look(struct clock_watch *watch, int64_t wall_ms, uint64_t monotonic_ns,
                                    int64_t believed_ms)
{
    int64_t offset_ms = wall_ms - (int64_t)(monotonic_ns / 1000000);
    int64_t step_ms = watch->has_looked ? offset_ms - watch->offset_ms : 0;
    bool was_set = step_ms > STEP_MS || step_ms < -STEP_MS;
    bool is_start = !watch->has_looked && believed_ms != 0;
    bool leapt = is_start && wall_ms - believed_ms > LEAP_MS;
    bool is_behind = is_start && believed_ms - wall_ms > STEP_MS;
    if (was_set || leapt || is_behind) {
        watch->trouble = was_set ? CLOCK_WAS_SET : leapt ? CLOCK_LEAPT : CLOCK_IS_BEHIND;
        watch->steady_ns = monotonic_ns;
    } else if (monotonic_ns - watch->steady_ns >= STEADY_NS) {
        watch->trouble = CLOCK_IS_RIGHT;
    }
    watch->has_looked = true;
    watch->offset_ms = offset_ms;
    return watch->trouble;
}

void clock_watch_confirm(struct clock_watch *watch)
{
    watch->trouble = CLOCK_IS_RIGHT;
}

const char *clock_trouble_text(enum clock_trouble trouble)
{
    static const char *const texts[] = {
        [CLOCK_IS_RIGHT] = "",
        [CLOCK_WAS_SET] = "the clock of this machine was set, or it was suspended, by more than an hour",
        [CLOCK_LEAPT] = "the clock of this machine is more than 35 days ahead of the last time that was believed",
        [CLOCK_IS_BEHIND] = "the clock of this machine is more than an hour behind the last time that was believed",
    };
    return texts[trouble];
}
