/* bench/job/arrivals.h -- when the requests of an open loop are due, whatever becomes of those before them.
 *
 * During the ramp the rate grows from nothing in a straight line; then it stays. Even: at equal distances. Poisson: at
 * random, as the requests of many clients that know nothing of each other are; the mean is the same. Latencies are
 * counted from these times, so that a server that stalls cannot hide by holding up who asks (coordinated omission). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct arrivals {
    double per_second;
    double ramp_s;
    bool is_poisson;
    uint64_t random;
    double unit; /* how many arrivals there are up to the last one: whole numbers when even */
};

/* `per_second` at least 1. Same seed, same times. */
void arrivals_begin(struct arrivals *arrivals, double per_second, double ramp_s, bool is_poisson, uint64_t seed);
/* Nanoseconds from the beginning to the next arrival; never less than those before. */
uint64_t arrivals_next_ns(struct arrivals *arrivals);
