/* runtime/base/clock.h -- time as an argument.
 *
 * Code that must run under a simulator takes a `const struct clock *`; the system's own is clock_system().
 * Wall time is milliseconds since 1970 UTC and may jump; monotonic time is nanoseconds since an arbitrary start. */
#pragma once

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *context);
    uint64_t (*monotonic_ns)(void *context);
    void *context;
};

const struct clock *clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->context);
}

static inline uint64_t clock_monotonic_ns(const struct clock *clock)
{
    return clock->monotonic_ns(clock->context);
}

/* An instant of monotonic time in nanoseconds after which waiting ends. */
typedef uint64_t deadline_t;
#define DEADLINE_NONE UINT64_MAX
