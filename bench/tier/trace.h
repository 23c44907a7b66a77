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
    uint32_t once_percent; /* of the others: of objects that are never asked for again, beside those of the trace */
    uint32_t range_blocks_max;
};

struct trace_range {
    uint32_t object;
    uint32_t object_blocks;
    uint32_t first; /* block of the object */
    uint32_t count;
    uint32_t block; /* the first one's number over all */
    bool is_walk;
};

struct trace;

struct trace *trace_begin(const struct trace_options *options);
void trace_end(struct trace *trace);
/* Of all objects, but for those that are asked for once; and with these, when so many blocks are read. */
uint32_t trace_blocks(const struct trace *trace);
uint32_t trace_blocks_at_most(const struct trace *trace, uint64_t reads);
struct trace_range trace_next(struct trace *trace);
