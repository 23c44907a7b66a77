/* bench/figures/statistics.h -- how sure a figure is: means, and what lies 95 times in 100 around them.
 *
 * Samples are taken as independent. Seconds of one run are not quite: neighbours are alike, so that an interval from
 * one run is narrower than one from several. */
#pragma once

#include <stdbool.h>

struct estimate {
    double mean; /* NAN: there is no sample */
    double half; /* mean - half to mean + half; INFINITY from fewer than two samples */
};

/* Student's t, both sides. */
struct estimate estimate_of(const double *samples, unsigned count);
/* Of a ratio of two means, from the intervals of both: the errors of the parts, relative, add up as squares do. `below`
 * must not be around 0. */
struct estimate estimate_ratio(struct estimate above, struct estimate below);
/* Does the interval leave out `value`? */
bool estimate_excludes(struct estimate estimate, double value);
