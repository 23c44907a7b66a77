/* bench/figures/statistics.c -- Student's intervals. */
#include "bench/figures/statistics.h"

#include <math.h>

/* t for 97.5 % by degrees of freedom 1 to 30, then the approximation by 1 / n that holds to a thousandth. */
static double quantile(unsigned freedom)
{
    static const double TABLE[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    if (freedom <= sizeof TABLE / sizeof TABLE[0])
        return TABLE[freedom - 1];
    return 1.95996 + 2.3722 / freedom + 2.8225 / freedom / freedom; /* Cornish-Fisher, two terms */
}

struct estimate estimate_of(const double *samples, unsigned count)
{
    double mean = 0;
    double squares = 0;
    if (count == 0)
        return (struct estimate){NAN, INFINITY};
    for (unsigned i = 0; i < count; i++)
        mean += samples[i] / count;
    if (count == 1)
        return (struct estimate){mean, INFINITY};
    for (unsigned i = 0; i < count; i++)
        squares += (samples[i] - mean) * (samples[i] - mean);
    double deviation = sqrt(squares / (count - 1));
    return (struct estimate){mean, quantile(count - 1) * deviation / sqrt(count)};
}

struct estimate estimate_ratio(struct estimate above, struct estimate below)
{
    if (below.mean == 0 || above.mean == 0)
        return (struct estimate){NAN, INFINITY};
    double ratio = above.mean / below.mean;
    double relative = hypot(above.half / above.mean, below.half / below.mean);
    return (struct estimate){ratio, ratio * relative};
}

bool estimate_excludes(struct estimate estimate, double value)
{
    return fabs(estimate.mean - value) > estimate.half;
}
