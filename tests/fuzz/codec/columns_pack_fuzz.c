/* tests/fuzz/codec/columns_pack_fuzz.c -- any bytes, packed into columns by any plan, come back. */
#include "codec/columns/columns.h"
#include "codec/stock/compressor.h"
#include "runtime/base/assert.h"
#include "tests/fuzz/codec/columns_draw.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, `times` times: more than a fuzzer likes to write. */
static struct span repeat(struct span bytes, unsigned times)
{
    uint8_t *all = malloc(bytes.size * times + 1);
    for (unsigned i = 0; i < times && bytes.size > 0; i++)
        memcpy(all + i * bytes.size, bytes.data, bytes.size);
    return span_of(all, bytes.size * times);
}

static size_t pack(const struct columns_plan *plan, int level, struct span original, uint8_t *payload, size_t capacity)
{
    static struct compressor *compressor;
    static struct columns_compressor *columns;
    if (compressor == NULL) {
        compressor = compressor_create();
        columns = columns_compressor_create();
    }
    struct columns_compress_job job = {
        .plan = plan,
        .compressor = compressor,
        .level = level,
        .original = original,
        .scratch = malloc(original.size),
        .payload = payload,
        .capacity = capacity,
    };
    columns_compress_begin(columns, &job);
    enum codec_step step;
    size_t size;
    do
        step = columns_compress_step(columns, &size);
    while (step == CODEC_MORE);
    ASSERT(step == CODEC_DONE && size <= capacity);
    free(job.scratch);
    return size;
}

static void check_way_back(struct span payload, struct span original)
{
    static struct columns_decompressor *columns;
    if (columns == NULL)
        columns = columns_decompressor_create();
    struct columns_decompress_job job = {
        .payload = payload,
        .scratch = malloc(original.size),
        .original = malloc(original.size),
        .original_size = original.size,
    };
    struct error error;
    ASSERT(columns_decompress_begin(columns, &job, &error));
    enum codec_step step;
    do
        step = columns_decompress_step(columns, &error);
    while (step == CODEC_MORE);
    ASSERT(step == CODEC_DONE && memcmp(job.original, original.data, original.size) == 0);
    free(job.scratch);
    free(job.original);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = span_of(data, size);
    struct columns_plan plan;
    draw_plan(&bytes, &plan);
    ASSERT(columns_plan_is_valid(&plan));
    int level = (int)draw_below(&bytes, 5) - 1;
    unsigned percent = draw_byte(&bytes); /* of the largest payload: how much room there is */
    unsigned times = 1 + draw_below(&bytes, 16);
    struct span original = repeat(bytes, times);
    size_t capacity = columns_payload_bytes_max(original.size) * (percent > 100 ? 100 : percent) / 100;
    uint8_t *payload = malloc(capacity + 1);
    size_t packed = pack(&plan, level, original, payload, capacity);
    if (packed > 0)
        check_way_back(span_of(payload, packed), original);
    free(payload);
    free((void *)(uintptr_t)original.data);
    return 0;
}
