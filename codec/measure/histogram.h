/* codec/measure/histogram.h -- how often each byte occurs, and what an order-0 coder could make of that at best. */
#pragma once

#include "runtime/base/span.h"

#include <stdint.h>

/* Begins as {0}. */
struct histogram {
    uint32_t counts[256];
    uint32_t total;
};

/* At most UINT32_MAX bytes in all. */
void histogram_add(struct histogram *histogram, struct span bytes);

void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* Shannon entropy in bits per byte, 0 to 8; 0 of nothing. Of few bytes it is too low: of n bytes of noise, below 8 by
 * about 184 / n. */
double histogram_entropy(const struct histogram *histogram);
