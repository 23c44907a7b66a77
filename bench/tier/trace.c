/* bench/tier/trace.c -- sizes and popularity, drawn at the beginning; ranges, drawn one by one. */
#include "bench/tier/trace.h"

#include "runtime/base/assert.h"
#include "runtime/base/random.h"

#include <math.h>
#include <stdlib.h>

enum { OBJECT_BLOCKS_MAX = 64 };

struct trace {
    struct trace_options options;
    struct random_seeded state;
    struct random_source random;
    uint32_t *first_block; /* of each object, and behind the last */
    double *popularity;    /* summed up */
    uint32_t *object_of;   /* by popularity */
    uint64_t ranges;       /* that were no walk */
    uint64_t blocks_read;
    uint64_t blocks_walked; /* of these */
    uint64_t blocks_once;
    uint32_t objects_once;
    uint32_t walk_object; /* where the walk stands */
    uint32_t walk_position;
};

static void exchange(uint32_t *one, uint32_t *other)
{
    uint32_t kept = *one;
    *one = *other;
    *other = kept;
}

static uint32_t draw(struct trace *trace, uint32_t below)
{
    return (uint32_t)random_below(&trace->random, below);
}

/* So that a walk meets the popular ones all along, not one behind the other. */
static void mix(struct trace *trace)
{
    for (uint32_t i = trace->options.objects - 1; i > 0; i--)
        exchange(&trace->object_of[i], &trace->object_of[draw(trace, i + 1)]);
}

struct trace *trace_begin(const struct trace_options *options)
{
    struct trace *trace = calloc(1, sizeof *trace);
    ASSERT(trace != NULL && options->objects > 0 && options->range_blocks_max > 0 && options->drift_every > 0);
    trace->options = *options;
    trace->random = random_seeded(&trace->state, options->seed);
    trace->first_block = calloc(options->objects + 1, sizeof *trace->first_block);
    trace->popularity = calloc(options->objects, sizeof *trace->popularity);
    trace->object_of = calloc(options->objects, sizeof *trace->object_of);
    ASSERT(trace->first_block != NULL && trace->popularity != NULL && trace->object_of != NULL);
    double sum = 0;
    for (uint32_t i = 0; i < options->objects; i++) {
        trace->first_block[i + 1] = trace->first_block[i] + 1 + draw(trace, OBJECT_BLOCKS_MAX);
        sum += 1 / pow(i + 1, options->skew);
        trace->popularity[i] = sum;
        trace->object_of[i] = i;
    }
    mix(trace);
    return trace;
}

void trace_end(struct trace *trace)
{
    free(trace->first_block);
    free(trace->popularity);
    free(trace->object_of);
    free(trace);
}

uint32_t trace_blocks(const struct trace *trace)
{
    return trace->first_block[trace->options.objects];
}

uint32_t trace_blocks_at_most(const struct trace *trace, uint64_t reads)
{
    const struct trace_options *options = &trace->options;
    return (uint32_t)(trace_blocks(trace) + reads * options->once_percent / 100 + options->range_blocks_max);
}

static uint32_t draw_object(struct trace *trace)
{
    uint32_t low = 0;
    uint32_t high = trace->options.objects - 1;
    double wanted = (double)random_below(&trace->random, 1 << 30) / (1 << 30) * trace->popularity[high];
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (trace->popularity[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return trace->object_of[low];
}

static void drift(struct trace *trace)
{
    uint32_t one = draw(trace, trace->options.objects);
    exchange(&trace->object_of[one], &trace->object_of[draw(trace, trace->options.objects)]);
}

/* As many blocks as are drawn, or as the object has. */
static struct trace_range range_of(struct trace *trace, uint32_t object, uint32_t first)
{
    uint32_t blocks = trace->first_block[object + 1] - trace->first_block[object];
    uint32_t count = 1 + draw(trace, trace->options.range_blocks_max);
    return (struct trace_range){
        .object = object,
        .object_blocks = blocks,
        .first = first,
        .count = count < blocks - first ? count : blocks - first,
        .block = trace->first_block[object] + first,
    };
}

static struct trace_range walk_on(struct trace *trace)
{
    struct trace_range range = range_of(trace, trace->walk_object, trace->walk_position);
    trace->walk_position += range.count;
    if (trace->walk_position == range.object_blocks) {
        trace->walk_object = (trace->walk_object + 1) % trace->options.objects;
        trace->walk_position = 0;
    }
    return range;
}

static struct trace_range read_next(struct trace *trace)
{
    if (++trace->ranges % trace->options.drift_every == 0)
        drift(trace);
    uint32_t object = draw_object(trace);
    return range_of(trace, object, draw(trace, trace->first_block[object + 1] - trace->first_block[object]));
}

static struct trace_range read_once(struct trace *trace)
{
    struct trace_range range = {
        .object = trace->options.objects + trace->objects_once++,
        .object_blocks = 1 + draw(trace, trace->options.range_blocks_max),
        .block = (uint32_t)(trace_blocks(trace) + trace->blocks_once),
    };
    range.count = range.object_blocks;
    trace->blocks_once += range.count;
    return range;
}

static bool is_walk_due(const struct trace *trace)
{
    return trace->blocks_walked * 100 < trace->blocks_read * trace->options.walk_percent;
}

static bool is_once_due(const struct trace *trace)
{
    return trace->blocks_once * 100 < (trace->blocks_read - trace->blocks_walked) * trace->options.once_percent;
}

static struct trace_range draw_range(struct trace *trace)
{
    return is_once_due(trace) ? read_once(trace) : read_next(trace);
}

struct trace_range trace_next(struct trace *trace)
{
    bool is_walk = is_walk_due(trace);
    struct trace_range range = is_walk ? walk_on(trace) : draw_range(trace);
    range.is_walk = is_walk;
    trace->blocks_read += range.count;
    trace->blocks_walked += is_walk ? range.count : 0;
    return range;
}
