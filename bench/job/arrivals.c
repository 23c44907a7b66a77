/* bench/job/arrivals.c -- the inverse of how many arrivals there are up to a time. */
#include "bench/job/arrivals.h"

#include "bench/job/random.h"
#include "runtime/base/assert.h"

#include <math.h>

void arrivals_begin(struct arrivals *arrivals, double per_second, double ramp_s, bool is_poisson, uint64_t seed)
{
    ASSERT(per_second >= 1 && ramp_s >= 0);
    *arrivals = (struct arrivals){.per_second = per_second,
                                  .ramp_s = ramp_s,
                                  .is_poisson = is_poisson,
                                  .random = seed,
                                  .unit = is_poisson ? 0 : -1};
}

/* Distances of a Poisson process of rate 1 have an exponential distribution. */
static double distance(struct arrivals *arrivals)
{
    if (!arrivals->is_poisson)
        return 1;
    arrivals->random++;
    double uniform = ((double)(random_mix(arrivals->random) >> 11) + 0.5) * 0x1p-53; /* never 0 and never 1 */
    return -log(uniform);
}

/* Up to time t there are R t^2 / (2 T) arrivals while t < T, the ramp, and R T / 2 + R (t - T) from then on. */
uint64_t arrivals_next_ns(struct arrivals *arrivals)
{
    arrivals->unit += distance(arrivals);
    double in_ramp = arrivals->per_second * arrivals->ramp_s / 2;
    double seconds = arrivals->unit < in_ramp ? sqrt(2 * arrivals->unit * arrivals->ramp_s / arrivals->per_second)
                                              : arrivals->ramp_s + (arrivals->unit - in_ramp) / arrivals->per_second;
    return (uint64_t)(seconds * 1e9 + 0.5);
}
