/* bench/tier/tier_trace.c -- a drawn trace as lines of a request log, for `bale tier --replay`.
 *
 *     tier_trace [OBJECTS [BLOCKS_READ [WALK_PERCENT [DRIFT_EVERY [RANGE_BLOCKS [SEED]]]]]]
 *
 * The last line, on stderr, says how many blocks there are. */
#include "bench/tier/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 65472 /* store/tier/block.h */ };

static void print_range(const struct trace_range *range)
{
    uint64_t first = (uint64_t)range->first * BLOCK_BYTES;
    (void)printf("2026-01-01T00:00:00.000Z info request operation=GetObject bucket=drawn key=%" PRIu32
                 " status=200 stored_etag=%" PRIu32 " stored_size=%" PRIu64 " stored_range=%" PRIu64 "-%" PRIu64 "\n",
                 range->object, range->object, (uint64_t)range->object_blocks * BLOCK_BYTES, first,
                 first + (uint64_t)range->count * BLOCK_BYTES - 1);
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
    const struct trace_options options = {
        .objects = (uint32_t)number_at(count, arguments, 1, 200000),
        .skew = 0.9,
        .walk_percent = (uint32_t)number_at(count, arguments, 3, 28),
        .drift_every = (uint32_t)number_at(count, arguments, 4, 300),
        .range_blocks_max = (uint32_t)number_at(count, arguments, 5, 8),
        .seed = number_at(count, arguments, 6, 15),
    };
    if (options.objects == 0 || options.drift_every == 0 || options.range_blocks_max == 0) {
        (void)fprintf(stderr, "usage: tier_trace [OBJECTS [BLOCKS_READ [WALK_PERCENT [DRIFT_EVERY [RANGE_BLOCKS "
                              "[SEED]]]]]]\n");
        return 2;
    }
    struct trace *trace = trace_begin(&options);
    print_log(trace, number_at(count, arguments, 2, 8000000));
    trace_end(trace);
    return 0;
}
