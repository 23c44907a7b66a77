/* bench/tier/trace.h -- reads of a bucket, drawn: objects of 1 to 64 blocks whose popularity is skewed (Zipf) and
 * drifts, read by ranges, and a walk over everything in between. The same seed draws the same.
 *
 * Blocks are numbered over all objects. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct trace_options {
    uint64_t seed;
    uint32_t objects;
    double skew;           /* the exponent */
    uint32_t drift_every;  /* ranges; then two objects change places */
    uint32_t walk_percent; /* of the blocks that are read */
    uint32_t range_blocks_max;
};

struct trace_range {
    uint32_t object;
    uint32_t object_blocks;
    uint32_t first; /* block of the object */
    uint32_t count;
    uint32_t block; /* the first one's number over all */
};

struct trace;

struct trace *trace_begin(const struct trace_options *options);
void trace_end(struct trace *trace);
/* Of all objects. */
uint32_t trace_blocks(const struct trace *trace);
struct trace_range trace_next(struct trace *trace);
