/* tests/unit/codec/columns_judge.c -- packs and unpacks columns for another program, columns_decoder.py.
 *
 * A question is a letter, a u32, and spans with a u32 size each; an answer is a letter and a span:
 *   P 0 plan original    -> + payload, or - (given up)
 *   U size payload       -> + original, or D (damaged) or U (unsupported) with a message */
#include "codec/columns/columns.h"
#include "codec/stock/compressor.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdio.h>
#include <stdlib.h>

static struct compressor *compressor;
static struct columns_compressor *columns;
static struct columns_decompressor *decompressor;

static bool read_u32(uint32_t *ret_number)
{
    uint8_t bytes[4];
    if (fread(bytes, 1, sizeof bytes, stdin) != sizeof bytes)
        return false;
    *ret_number = load_u32_le(bytes);
    return true;
}

/* Memory of exactly its size; the caller frees it. */
static struct span read_span(void)
{
    uint32_t size;
    ASSERT(read_u32(&size));
    uint8_t *bytes = malloc(size);
    ASSERT(fread(bytes, 1, size, stdin) == size);
    return span_of(bytes, size);
}

static void answer(char kind, struct span bytes)
{
    uint8_t size[4];
    store_u32_le(size, (uint32_t)bytes.size);
    (void)fputc(kind, stdout);
    (void)fwrite(size, 1, sizeof size, stdout);
    (void)fwrite(bytes.data, 1, bytes.size, stdout);
    (void)fflush(stdout);
}

static void pack(void)
{
    struct span stored_plan = read_span();
    struct span original = read_span();
    struct columns_plan plan;
    struct error error;
    size_t size;
    ASSERT(columns_plan_decode(stored_plan, &plan, &size, &error));
    size_t capacity = columns_payload_bytes_max(original.size);
    struct columns_compress_job job = {
        .plan = &plan,
        .compressor = compressor,
        .level = 1,
        .original = original,
        .scratch = malloc(original.size),
        .payload = malloc(capacity),
        .capacity = capacity,
    };
    columns_compress_begin(columns, &job);
    while (columns_compress_step(columns, &size) == CODEC_MORE) {
    }
    answer(size > 0 ? '+' : '-', span_of(job.payload, size));
    free(job.payload);
    free(job.scratch);
    free((void *)(uintptr_t)original.data);
    free((void *)(uintptr_t)stored_plan.data);
}

static void unpack(uint32_t size)
{
    struct span payload = read_span();
    struct columns_decompress_job job = {
        .payload = payload,
        .scratch = malloc(size),
        .original = malloc(size),
        .original_size = size,
    };
    struct error error;
    bool is_going = columns_decompress_begin(decompressor, &job, &error);
    enum codec_step step = is_going ? CODEC_MORE : CODEC_FAILED;
    while (step == CODEC_MORE)
        step = columns_decompress_step(decompressor, &error);
    if (step == CODEC_DONE)
        answer('+', span_of(job.original, size));
    else
        answer(error.kind == ERROR_UNSUPPORTED ? 'U' : 'D', span_from_string(error.message));
    free(job.original);
    free(job.scratch);
    free((void *)(uintptr_t)payload.data);
}

int main(void)
{
    compressor = compressor_create();
    columns = columns_compressor_create();
    decompressor = columns_decompressor_create();
    int verb;
    uint32_t number;
    while ((verb = fgetc(stdin)) != EOF && read_u32(&number)) {
        if (verb == 'P')
            pack();
        else
            unpack(number);
    }
    columns_decompressor_destroy(decompressor);
    columns_compressor_destroy(columns);
    compressor_destroy(compressor);
    return 0;
}
