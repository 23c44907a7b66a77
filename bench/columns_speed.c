/* bench/columns_speed.c -- how fast columns are packed and unpacked with the plan that fits, and how long a step takes.
 *
 * Unlike bench/codec nothing is looked for: the plan of each set is given, so that what is measured is the codec alone.
 * Frames of 1 MiB at level 1, CPU time of this thread, the best of five runs over the whole set.
 *
 * Usage: columns_speed [MIB [SET...]]: how much of each set, 8 by default. */
#include "bench/data/data_sets.h"
#include "codec/columns/columns.h"
#include "codec/stock/compressor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 5, FRAME = FRAME_ORIGINAL_BYTES };

static const struct {
    const char *set;
    struct columns_plan plan;
} CASES[] = {
    {"postings", {4, 0, 1, {{4, COLUMNS_OP_DELTA, 1, 0}}}},
    {"timestamps", {8, 0, 1, {{8, COLUMNS_OP_DELTA2, 1, 0}}}},
    {"doc-values", {16, 0, 1, {{1, COLUMNS_OP_DELTA2, 16, 0}}}},
    {"parquet-like", {4, 0, 1, {{4, COLUMNS_OP_DELTA, 1, 0}}}},
    {"nginx", {245, 0, 1, {{1, COLUMNS_OP_NONE, 245, 0}}}},
    {"gaps", {4, 0, 1, {{4, COLUMNS_OP_DELTA, 1, 0}}}},
    {"posting-lists", {4, 0, 1, {{4, COLUMNS_OP_DELTA, 1, 0}}}},
    {"event-times", {8, 0, 1, {{8, COLUMNS_OP_DELTA, 1, 0}}}},
    {"sample-times", {8, 0, 1, {{8, COLUMNS_OP_DELTA2, 1, 0}}}},
    {"zipf-i64", {8, 0, 1, {{8, COLUMNS_OP_NONE, 1, 0}}}},
    {"decimal-f32", {4, 0, 1, {{4, COLUMNS_OP_DECIMAL_DELTA, 1, 2}}}},
    {"decimal-f64", {8, 0, 1, {{8, COLUMNS_OP_DECIMAL_DELTA, 1, 2}}}},
    {"smooth-f64", {8, 0, 1, {{8, COLUMNS_OP_DELTA, 1, 0}}}},
    {"weights-f32", {4, 0, 1, {{4, COLUMNS_OP_NONE, 1, 0}}}},
    {"weights-bf16", {2, 0, 1, {{2, COLUMNS_OP_NONE, 1, 0}}}},
    {"sound", {4, 0, 1, {{2, COLUMNS_OP_DELTA, 2, 0}}}},
    {"picture", {3, 0, 1, {{1, COLUMNS_OP_DELTA, 3, 0}}}},
    {"elevation", {2, 0, 1, {{2, COLUMNS_OP_DELTA2, 1, 0}}}},
    {"records",
     {24,
      0,
      5,
      {{8, COLUMNS_OP_DELTA, 1, 0},
       {4, COLUMNS_OP_DELTA, 1, 0},
       {4, COLUMNS_OP_NONE, 1, 0},
       {2, COLUMNS_OP_NONE, 2, 0},
       {4, COLUMNS_OP_NONE, 1, 0}}}},
    {"points", {12, 0, 1, {{4, COLUMNS_OP_DELTA, 3, 0}}}},
};

static uint8_t scratch[FRAME];
static uint8_t back[FRAME];

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct direction {
    double ms;      /* of the best run */
    double step_ms; /* the longest step of that run */
    double run_ms;  /* of this run, so far */
    double run_step_ms;
};

static void add_step(struct direction *direction, double ms)
{
    direction->run_ms += ms;
    direction->run_step_ms = ms > direction->run_step_ms ? ms : direction->run_step_ms;
}

static void end_run(struct direction *direction)
{
    if (direction->ms == 0 || direction->run_ms < direction->ms) {
        direction->ms = direction->run_ms;
        direction->step_ms = direction->run_step_ms;
    }
    direction->run_ms = direction->run_step_ms = 0;
}

struct tools {
    struct compressor *compressor;
    struct columns_compressor *columns;
    struct columns_decompressor *decompressor;
};

static size_t compress(const struct tools *tools, const struct columns_plan *plan, struct span frame, uint8_t *payload,
                       struct direction *in)
{
    struct columns_compress_job job = {
        .plan = plan,
        .compressor = tools->compressor,
        .level = 1,
        .original = frame,
        .scratch = scratch,
        .payload = payload,
        .capacity = frame.size - 1,
    };
    double before = cpu_ms();
    columns_compress_begin(tools->columns, &job);
    enum codec_step step;
    size_t size;
    do {
        step = columns_compress_step(tools->columns, &size);
        double now = cpu_ms();
        add_step(in, now - before);
        before = now;
    } while (step == CODEC_MORE);
    return size;
}

static void decompress(const struct tools *tools, struct span payload, struct span frame, struct direction *out)
{
    struct error error = {0};
    struct columns_decompress_job job = {
        .payload = payload, .scratch = scratch, .original = back, .original_size = frame.size};
    double before = cpu_ms();
    bool works = columns_decompress_begin(tools->decompressor, &job, &error);
    enum codec_step step = works ? CODEC_MORE : CODEC_FAILED;
    while (step == CODEC_MORE) {
        step = columns_decompress_step(tools->decompressor, &error);
        double now = cpu_ms();
        add_step(out, now - before);
        before = now;
    }
    if (step != CODEC_DONE || memcmp(back, frame.data, frame.size) != 0) {
        (void)fprintf(stderr, "a frame did not come back: %s\n", error.message);
        exit(1);
    }
}

static void measure(const struct tools *tools, const char *name, const struct columns_plan *first_plan,
                    struct span bytes)
{
    static uint8_t payload[FRAME];
    struct direction in = {0};
    struct direction out = {0};
    size_t stored = 0;
    for (unsigned run = 0; run < RUNS; run++) {
        struct columns_plan plan = *first_plan;
        stored = 0;
        for (size_t i = 0; i < bytes.size; i += FRAME) {
            struct span frame = span_take(span_skip(bytes, i), FRAME);
            size_t size = compress(tools, &plan, frame, payload, &in);
            if (size > 0)
                decompress(tools, span_of(payload, size), frame, &out);
            stored += size > 0 ? size : frame.size;
            plan.lead = columns_plan_next_lead(&plan, frame.size);
        }
        end_run(&in);
        end_run(&out);
    }
    double megabytes = (double)bytes.size / 1e6;
    printf("| %-13s | %9.2f | %5.0f | %5.0f | %.2f | %.2f |\n", name, (double)bytes.size / (double)stored,
           megabytes / in.ms * 1e3, megabytes / out.ms * 1e3, in.step_ms, out.step_ms);
    (void)fflush(stdout);
}

static bool is_wanted(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return count == 0;
}

int main(int argc, char **argv)
{
    size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 8) << 20;
    if (size == 0 || size > UINT32_MAX) {
        (void)fprintf(stderr, "usage: columns_speed [MIB [SET...]]\n");
        return 2;
    }
    const struct tools tools = {compressor_create(), columns_compressor_create(), columns_decompressor_create()};
    uint8_t *bytes = malloc(size);
    printf("| data          |     ratio | in, MB/s | out, MB/s | longest step in, ms | out "
           "|\n|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        if (!is_wanted(CASES[i].set, argv + 2, argc > 2 ? argc - 2 : 0))
            continue;
        data_set_fill(data_set_find(CASES[i].set), bytes, size);
        measure(&tools, CASES[i].set, &CASES[i].plan, span_of(bytes, size));
    }
    free(bytes);
    compressor_destroy(tools.compressor);
    columns_compressor_destroy(tools.columns);
    columns_decompressor_destroy(tools.decompressor);
    return 0;
}
