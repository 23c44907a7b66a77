/* codec/measure/histogram.c -- counts bytes. */
#include "codec/measure/histogram.h"

#include <math.h>

void histogram_add(struct histogram *histogram, struct span bytes)
{
    /* A second set of counters: equal neighbours do not wait for each other's. */
    uint32_t odd[256] = {0};
    size_t i = 0;
#pragma GCC unroll 4
    for (; i + 2 <= bytes.size; i += 2) {
        histogram->counts[bytes.data[i]]++;
        odd[bytes.data[i + 1]]++;
    }
    if (i < bytes.size)
        histogram->counts[bytes.data[i]]++;
    for (unsigned byte = 0; byte < 256; byte++)
        histogram->counts[byte] += odd[byte];
    histogram->total += (uint32_t)bytes.size;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    for (unsigned byte = 0; byte < 256; byte++)
        histogram->counts[byte] += other->counts[byte];
    histogram->total += other->total;
}

/* count * log2(count): small objects have small counts, and are asked each. */
static double weights[1024];

__attribute__((constructor)) static void make_weights(void)
{
    for (unsigned count = 1; count < sizeof weights / sizeof weights[0]; count++)
        weights[count] = count * log2(count);
}

static double weight_of(uint32_t count)
{
    return count < sizeof weights / sizeof weights[0] ? weights[count] : count * log2(count);
}

double histogram_entropy(const struct histogram *histogram)
{
    double total = histogram->total;
    double sum = 0;
    if (histogram->total == 0)
        return 0;
    for (unsigned byte = 0; byte < 256; byte++)
        sum += weight_of(histogram->counts[byte]);
    return log2(total) - sum / total;
}
