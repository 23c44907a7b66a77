/* bench/figures/hdr_histogram.h -- latencies, counted to three digits: HdrHistogram's buckets, and its V2 encoding.
 *
 * Values are nanoseconds from 1 to an hour; what is longer counts as an hour. A value is known to a 1,000th of itself,
 * in 264 KiB whatever is counted, and no value is lost, so that the rarest are seen.
 *
 * Source: HdrHistogram 2.1.12, EncodableHistogram.java and AbstractHistogram.java ("V2 encoding": ZigZag LEB128). */
#pragma once

#include "runtime/base/buffer.h"

#include <stdint.h>

enum {
    HDR_HISTOGRAM_DIGITS = 3,
    HDR_HISTOGRAM_SUB_BUCKETS = 2048, /* the power of two above 2 * 10^3 */
    HDR_HISTOGRAM_BUCKETS = 32,
    HDR_HISTOGRAM_COUNTS = (HDR_HISTOGRAM_BUCKETS + 1) * (HDR_HISTOGRAM_SUB_BUCKETS / 2),
};
#define HDR_HISTOGRAM_VALUE_MAX UINT64_C(3600000000000)

struct hdr_histogram {
    uint64_t total;
    uint64_t sum; /* of the values, exact */
    uint64_t least;
    uint64_t most;
    uint64_t counts[HDR_HISTOGRAM_COUNTS];
};

/* Owned by the caller; empty. */
struct hdr_histogram *hdr_histogram_create(void);
void hdr_histogram_free(struct hdr_histogram *histogram);
void hdr_histogram_clear(struct hdr_histogram *histogram);
void hdr_histogram_record(struct hdr_histogram *histogram, uint64_t nanoseconds);
void hdr_histogram_add(struct hdr_histogram *histogram, const struct hdr_histogram *other);

/* The value that at least `percent` of 100 are not above, as the middle of its bucket's values has it: at most the
 * longest. 0 when nothing was counted. */
uint64_t hdr_histogram_percentile(const struct hdr_histogram *histogram, double percent);
double hdr_histogram_mean(const struct hdr_histogram *histogram);

/* The V2 encoding in its compressed form (cookie, length, zlib stream); the stream is stored, not packed. */
void hdr_histogram_encode(const struct hdr_histogram *histogram, struct buffer *to);
