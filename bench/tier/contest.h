/* bench/tier/contest.h -- a tier (store/tier/model.h) beside LRU and S3-FIFO of its size, on one drawn trace.
 *
 * One thread. */
#pragma once

#include "bench/tier/trace.h"

enum contestant { CONTESTANT_LRU, CONTESTANT_S3_FIFO, CONTESTANT_TIER, CONTESTANTS };

/* Of blocks. */
struct contest_figures {
    uint64_t reads;
    uint64_t walked; /* of these */
    uint64_t hits[CONTESTANTS];
    uint64_t hits_walked[CONTESTANTS];
    uint64_t written[CONTESTANTS];
};

struct contest;

/* Each keeps so many percent of the trace's blocks. At most `reads_max` will be read. */
struct contest *contest_begin(const struct trace_options *options, unsigned kept_percent, uint64_t reads_max);
/* Reads so many blocks, or a range's more. The figures are those of these reads alone. */
void contest_read(struct contest *contest, uint64_t reads, struct contest_figures *ret_figures);
void contest_end(struct contest *contest);
