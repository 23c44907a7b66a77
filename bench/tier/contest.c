/* bench/tier/contest.c -- three caches that are told of the same blocks. */
#include "bench/tier/contest.h"

#include "bench/tier/rivals.h"
#include "runtime/base/assert.h"
#include "store/tier/model.h"

#include <stdlib.h>
#include <string.h>

struct contest {
    struct trace *trace;
    struct lru *lru;
    struct s3_fifo *fifo;
    struct tier_model *model;
};

struct contest *contest_begin(const struct trace_options *options, unsigned kept_percent, uint64_t reads_max)
{
    struct error error;
    struct contest *contest = calloc(1, sizeof *contest);
    ASSERT(contest != NULL && kept_percent >= 1 && kept_percent <= 100);
    contest->trace = trace_begin(options);
    uint32_t most = (uint32_t)((uint64_t)trace_blocks(contest->trace) * kept_percent / 100);
    uint32_t blocks = trace_blocks_at_most(contest->trace, reads_max);
    contest->lru = lru_begin(blocks, most);
    contest->fifo = s3_fifo_begin(blocks, most);
    contest->model = tier_model_create((uint64_t)most * BLOCK_BYTES, &error);
    ASSERT(contest->model != NULL);
    return contest;
}

void contest_end(struct contest *contest)
{
    tier_model_destroy(contest->model);
    s3_fifo_end(contest->fifo);
    lru_end(contest->lru);
    trace_end(contest->trace);
    free(contest);
}

/* The revision of an object of the trace, without a key: its digest is its number, spread. */
static struct block_revision revision_of(const struct trace_range *range)
{
    struct block_revision revision = {.stored_size = (uint64_t)range->object_blocks * BLOCK_PAYLOAD_BYTES};
    uint64_t spread = (range->object + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    memcpy(revision.bytes, &spread, sizeof spread);
    return revision;
}

static void count(struct contest_figures *figures, enum contestant contestant, bool is_hit, bool is_walk)
{
    figures->hits[contestant] += is_hit;
    figures->hits_walked[contestant] += is_hit && is_walk;
}

static void read_range(struct contest *contest, const struct trace_range *range, struct contest_figures *figures)
{
    struct block_name name = {.revision = revision_of(range), .number = range->first};
    for (uint32_t i = 0; i < range->count; i++, name.number++) {
        count(figures, CONTESTANT_LRU, lru_read(contest->lru, range->block + i), range->is_walk);
        count(figures, CONTESTANT_S3_FIFO, s3_fifo_read(contest->fifo, range->block + i), range->is_walk);
        count(figures, CONTESTANT_TIER, tier_model_read(contest->model, &name, true), range->is_walk);
    }
    figures->reads += range->count;
    figures->walked += range->is_walk ? range->count : 0;
}

void contest_read(struct contest *contest, uint64_t reads, struct contest_figures *ret_figures)
{
    struct contest_figures *figures = ret_figures;
    *figures = (struct contest_figures){0};
    uint64_t written = tier_model_figures(contest->model)->blocks_written;
    while (figures->reads < reads) {
        struct trace_range range = trace_next(contest->trace);
        read_range(contest, &range, figures);
    }
    figures->written[CONTESTANT_LRU] = figures->reads - figures->hits[CONTESTANT_LRU];
    figures->written[CONTESTANT_S3_FIFO] = figures->reads - figures->hits[CONTESTANT_S3_FIFO];
    figures->written[CONTESTANT_TIER] = tier_model_figures(contest->model)->blocks_written - written;
}
