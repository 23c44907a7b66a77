/* tests/fuzz/codec/columns_fuzz.c -- payloads of columns: any bytes, and well-formed ones with any planes.
 *
 * The first byte says which. Whatever is decoded must come out the same from another memory: nothing may depend on what
 * lay there before. */
#include "codec/columns/columns.h"
#include "runtime/base/assert.h"
#include "runtime/base/buffer.h"
#include "runtime/base/byteorder.h"
#include "tests/fuzz/codec/columns_draw.h"

#include <stdlib.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ORIGINAL_BYTES_MAX = 64 << 10 };

/* Memory of exactly the size, full of `before`. */
static uint8_t *allocate(size_t size, int before)
{
    uint8_t *bytes = malloc(size + (size == 0));
    memset(bytes, before, size);
    return bytes;
}

/* NULL: refused. */
static uint8_t *decode(struct span payload, size_t original_size, int before)
{
    static struct columns_decompressor *columns;
    if (columns == NULL)
        columns = columns_decompressor_create();
    struct columns_decompress_job job = {
        .payload = payload,
        .scratch = allocate(original_size, before),
        .original = allocate(original_size, before),
        .original_size = original_size,
    };
    struct error error;
    bool is_going = columns_decompress_begin(columns, &job, &error);
    enum codec_step step = is_going ? CODEC_MORE : CODEC_FAILED;
    while (step == CODEC_MORE)
        step = columns_decompress_step(columns, &error);
    free(job.scratch);
    if (step == CODEC_DONE)
        return job.original;
    ASSERT(error.kind == ERROR_DAMAGED || error.kind == ERROR_UNSUPPORTED);
    free(job.original);
    return NULL;
}

static void decode_twice(struct span payload, size_t original_size)
{
    uint8_t *exact = allocate(payload.size, 0);
    if (payload.size > 0)
        memcpy(exact, payload.data, payload.size);
    uint8_t *first = decode(span_of(exact, payload.size), original_size, 0x00);
    uint8_t *second = decode(span_of(exact, payload.size), original_size, 0xff);
    ASSERT((first == NULL) == (second == NULL));
    ASSERT(first == NULL || memcmp(first, second, original_size) == 0);
    free(first);
    free(second);
    free(exact);
}

/* ---- a payload with a valid head ---- */

/* `size` bytes of a plane: the next of the input, again and again. */
static void append_plane(struct buffer *out, struct span *bytes, size_t size)
{
    unsigned seed_size = 1 + draw_below(bytes, 32);
    struct span seed = span_take(*bytes, seed_size);
    *bytes = span_skip(*bytes, seed.size);
    for (size_t i = 0; i < size; i++)
        buffer_append_byte(out, seed.size == 0 ? 0 : seed.data[i % seed.size]);
}

/* A frame of zstd of `records` bytes, or something of the kind. */
static void append_zstd(struct buffer *out, struct span *bytes, size_t records)
{
    struct buffer plane = {0};
    unsigned odd = draw_byte(bytes);
    append_plane(&plane, bytes, records + (odd == 1) - (odd == 2 && records > 0));
    size_t capacity = ZSTD_compressBound(plane.size);
    (void)buffer_reserve(out, capacity);
    size_t size = ZSTD_compress(out->data + out->size, capacity, plane.data, plane.size, (int)(odd % 4));
    if (odd >= 3 && odd < 64 && size > 0) /* damaged */
        out->data[out->size + draw_byte(bytes) % size] ^= (uint8_t)odd;
    out->size += size;
    buffer_free(&plane);
}

static void append_exceptions(struct buffer *out, struct span *bytes, const struct columns_run *run, size_t records)
{
    uint8_t number[4];
    for (unsigned i = 0; i < run->repeat; i++) {
        unsigned drawn = draw_byte(bytes);
        size_t count = drawn == 255 ? records / 16 + 1 : drawn % (records / 16 + 1);
        store_u32_le(number, (uint32_t)count);
        buffer_append(out, span_of(number, 4));
        size_t record = draw_byte(bytes);
        for (size_t k = 0; k < count; k++, record += 1 + draw_below(bytes, 16)) {
            store_u32_le(number, (uint32_t)record);
            buffer_append(out, span_of(number, 4));
            append_plane(out, bytes, run->width);
        }
    }
}

static void build(struct span bytes, struct buffer *ret_payload, size_t *ret_original_size)
{
    struct columns_plan plan;
    uint8_t head[COLUMNS_HEAD_BYTES_MAX];
    draw_plan(&bytes, &plan);
    size_t records = 1 + (draw_byte(&bytes) | draw_byte(&bytes) << 8) % (ORIGINAL_BYTES_MAX / plan.stride);
    size_t tail = draw_below(&bytes, plan.stride);
    buffer_append(ret_payload, span_of(head, columns_plan_encode(&plan, head)));

    struct buffer streams = {0};
    for (unsigned i = 0; i < plan.stride; i++) {
        unsigned mode = draw_byte(&bytes);
        mode = mode == 255 ? 3 : mode % 3;
        buffer_append_byte(ret_payload, (uint8_t)mode);
        size_t before = streams.size;
        if (mode == 0)
            append_plane(&streams, &bytes, records);
        else if (mode == 1)
            buffer_append_byte(ret_payload, (uint8_t)draw_byte(&bytes));
        else
            append_zstd(&streams, &bytes, records);
        for (size_t left = streams.size - before, k = 0; mode == 2 && k < 3; k++, left >>= 8)
            buffer_append_byte(ret_payload, (uint8_t)left);
    }
    for (unsigned i = 0; i < plan.runs_count; i++)
        if (plan.runs[i].op >= COLUMNS_OP_DECIMAL_DELTA)
            append_exceptions(ret_payload, &bytes, &plan.runs[i], records);
    append_plane(ret_payload, &bytes, plan.lead + tail);
    buffer_append(ret_payload, buffer_span(&streams));
    buffer_free(&streams);
    *ret_original_size = plan.lead + records * plan.stride + tail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct span bytes = span_of(data + 3, size - 3);
    if (data[0] & 1) {
        struct buffer payload = {0};
        size_t original_size;
        build(span_of(data + 1, size - 1), &payload, &original_size);
        decode_twice(buffer_span(&payload), original_size);
        buffer_free(&payload);
    } else {
        decode_twice(bytes, load_u16_le(data + 1));
    }
    return 0;
}
