/* tools/bale/estimate/sampling.c -- means, deviations, and the allocation of Neyman. */
#include "tools/bale/estimate/sampling.h"

#include "runtime/base/assert.h"

#include <math.h>

/* Of equal frames eight say little about the ninth: no stratum is believed to be more alike than this. */
#define DEVIATION_LEAST 0.03
#define NORMAL_95 1.96
#define WIDENED 1.2

void stratum_add_drawn(struct stratum *stratum, double part)
{
    ASSERT(!stratum->is_whole);
    double distance = part - stratum->mean;
    stratum->drawn++;
    stratum->mean += distance / stratum->drawn;
    stratum->squares += distance * (part - stratum->mean);
}

void stratum_begin_whole(struct stratum *stratum)
{
    *stratum = (struct stratum){.bytes = stratum->bytes, .frames = stratum->frames, .is_whole = true};
}

void stratum_add_whole(struct stratum *stratum, uint64_t bytes, double part)
{
    ASSERT(stratum->is_whole);
    stratum->whole_bytes += bytes;
    stratum->whole_packed += part * (double)bytes;
}

double stratum_part(const struct stratum *stratum)
{
    if (stratum->is_whole)
        return stratum->whole_bytes == 0 ? 1 : stratum->whole_packed / (double)stratum->whole_bytes;
    return stratum->drawn == 0 ? 1 : stratum->mean;
}

static double deviation(const struct stratum *stratum)
{
    double found = stratum->drawn < 2 ? 0 : sqrt(stratum->squares / (stratum->drawn - 1));
    return fmax(found, DEVIATION_LEAST);
}

void sampling_allocate(const struct stratum *strata, unsigned count, unsigned frames, unsigned *ret_wanted)
{
    double weights = 0;
    for (unsigned i = 0; i < count; i++)
        weights += (double)strata[i].bytes * deviation(&strata[i]);
    for (unsigned i = 0; i < count; i++) {
        double share = weights == 0 ? 0 : (double)strata[i].bytes * deviation(&strata[i]) / weights;
        ret_wanted[i] = (unsigned)ceil(share * frames);
        if (ret_wanted[i] < SAMPLING_PILOT_FRAMES)
            ret_wanted[i] = SAMPLING_PILOT_FRAMES;
        if (ret_wanted[i] > strata[i].frames)
            ret_wanted[i] = (unsigned)strata[i].frames;
    }
}

static double bytes_of(const struct stratum *strata, unsigned count)
{
    double bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += (double)strata[i].bytes;
    return bytes;
}

double sampling_part(const struct stratum *strata, unsigned count)
{
    double bytes = bytes_of(strata, count);
    double packed = 0;
    for (unsigned i = 0; i < count; i++)
        packed += (double)strata[i].bytes * stratum_part(&strata[i]);
    return bytes == 0 ? 1 : packed / bytes;
}

double sampling_half_width(const struct stratum *strata, unsigned count)
{
    double bytes = bytes_of(strata, count);
    double variance = 0;
    for (unsigned i = 0; i < count; i++) {
        if (strata[i].is_whole || strata[i].bytes == 0)
            continue;
        double weight = (double)strata[i].bytes / bytes;
        /* Of what nothing was seen, anything may be true. */
        double of_mean = strata[i].drawn == 0 ? 1 : deviation(&strata[i]) / sqrt(strata[i].drawn);
        variance += weight * weight * of_mean * of_mean;
    }
    return WIDENED * NORMAL_95 * sqrt(variance);
}
