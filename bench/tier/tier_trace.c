/* bench/tier/tier_trace.c -- a drawn trace as lines of a request log, for `bale tier --replay`; or, with --rivals, what
 * LRU and S3-FIFO hit on it.
 *
 *     tier_trace [--rivals PERCENT] [OBJECTS [BLOCKS_READ [WALK_PERCENT [DRIFT_EVERY [RANGE_BLOCKS [SEED]]]]]]
 *
 * The last line, on stderr, says how many blocks there are, and with --rivals (which keep PERCENT of them) what was
 * hit. */
#include "bench/tier/rivals.h"
#include "bench/tier/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 65472 /* store/tier/block.h */ };

static void print_range(const struct trace_range *range)
{
    uint64_t first = (uint64_t)range->first * BLOCK_BYTES;
    (void)printf("2026-01-01T00:00:00.000Z info request operation=GetObject bucket=drawn key=%" PRIu32
                 " status=200 stored_etag=%" PRIu32 " stored_size=%" PRIu64 " stored_range=%" PRIu64 "-%" PRIu64 "\n",
                 range->object, range->object, (uint64_t)range->object_blocks * BLOCK_BYTES, first,
                 first + (uint64_t)range->count * BLOCK_BYTES - 1);
}

static void measure_rivals(struct trace *trace, uint64_t blocks_read, uint64_t kept_percent)
{
    uint32_t blocks = trace_blocks(trace);
    uint32_t most = (uint32_t)(blocks * kept_percent / 100);
    most = most > 0 ? most : 1;
    struct lru *lru = lru_begin(blocks, most);
    struct s3_fifo *fifo = s3_fifo_begin(blocks, most);
    struct rival_figures of_lru = {0};
    struct rival_figures of_fifo = {0};
    for (uint64_t read = 0; read < blocks_read;) {
        struct trace_range range = trace_next(trace);
        for (uint32_t i = 0; i < range.count; i++) {
            lru_read(lru, range.block + i, &of_lru);
            s3_fifo_read(fifo, range.block + i, &of_fifo);
        }
        read += range.count;
    }
    (void)fprintf(stderr,
                  "%" PRIu32 " blocks, %" PRIu32 " are kept: of %" PRIu64 " reads LRU hits %" PRIu64
                  ", S3-FIFO %" PRIu64 "\n",
                  blocks, most, of_lru.reads, of_lru.hits, of_fifo.hits);
    lru_end(lru);
    s3_fifo_end(fifo);
}

static void print_log(struct trace *trace, uint64_t blocks_read)
{
    for (uint64_t read = 0; read < blocks_read;) {
        struct trace_range range = trace_next(trace);
        print_range(&range);
        read += range.count;
    }
    (void)fprintf(stderr, "%" PRIu32 " blocks\n", trace_blocks(trace));
}

/* The argument after the program's options, or what holds without it. */
static uint64_t number_at(int count, char **arguments, int index, uint64_t otherwise)
{
    return index < count ? strtoull(arguments[index], NULL, 10) : otherwise;
}

int main(int count, char **arguments)
{
    bool has_rivals = count > 2 && strcmp(arguments[1], "--rivals") == 0;
    uint64_t kept_percent = has_rivals ? number_at(count, arguments, 2, 0) : 1;
    int first = has_rivals ? 3 : 1;
    const struct trace_options options = {
        .objects = (uint32_t)number_at(count, arguments, first, 200000),
        .skew = 0.9,
        .walk_percent = (uint32_t)number_at(count, arguments, first + 2, 28),
        .drift_every = (uint32_t)number_at(count, arguments, first + 3, 300),
        .range_blocks_max = (uint32_t)number_at(count, arguments, first + 4, 8),
        .seed = number_at(count, arguments, first + 5, 15),
    };
    uint64_t blocks_read = number_at(count, arguments, first + 1, 8000000);
    if (kept_percent == 0 || kept_percent > 100 || options.objects == 0 || options.drift_every == 0 ||
        options.range_blocks_max == 0) {
        (void)fprintf(stderr, "usage: tier_trace [--rivals PERCENT] [OBJECTS [BLOCKS_READ [WALK_PERCENT [DRIFT_EVERY "
                              "[RANGE_BLOCKS [SEED]]]]]]\n");
        return 2;
    }
    struct trace *trace = trace_begin(&options);
    if (has_rivals)
        measure_rivals(trace, blocks_read, kept_percent);
    else
        print_log(trace, blocks_read);
    trace_end(trace);
    return 0;
}
