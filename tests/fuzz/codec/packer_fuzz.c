/* tests/fuzz/codec/packer_fuzz.c -- any bytes through spectrum, looks, guide and packer: two frames that come back. */
#include "codec/choice/packer.h"
#include "codec/decompressor.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { REPEATED_BYTES_MAX = 192 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input, again and again: more than a fuzzer likes to write, so that frames are looked at in pieces as well. */
static size_t repeat(const uint8_t *data, size_t size, uint8_t *ret_bytes)
{
    size_t wanted = (size_t)data[0] << 10;
    size_t filled = 0;
    while (filled < wanted && filled + size <= REPEATED_BYTES_MAX) {
        memcpy(ret_bytes + filled, data, size);
        filled += size;
    }
    return filled;
}

static void decode(const struct encoded *packed, struct span frame)
{
    static struct decompressor *decompressor;
    static struct columns_decompressor *columns;
    static uint8_t scratch[FRAME_ORIGINAL_BYTES];
    static uint8_t original[FRAME_ORIGINAL_BYTES];
    struct error error;
    struct span payload = span_of(packed->payload, packed->size);
    if (decompressor == NULL) {
        decompressor = decompressor_create();
        columns = columns_decompressor_create();
    }
    if (packed->codec == CODEC_COLUMNS) {
        const struct columns_decompress_job job = {payload, scratch, original, frame.size};
        enum codec_step step = CODEC_MORE;
        ASSERT(columns_decompress_begin(columns, &job, &error));
        while (step == CODEC_MORE)
            step = columns_decompress_step(columns, &error);
        ASSERT(step == CODEC_DONE);
    } else {
        ASSERT(decompressor_run(decompressor, packed->codec, payload, original, frame.size, &error));
    }
    ASSERT(memcmp(original, frame.data, frame.size) == 0);
}

static void pack(struct span frame, struct columns_guide *guide)
{
    static struct packer *packer;
    struct encoded packed = {.codec = CODEC_PASSTHROUGH, .size = frame.size};
    enum codec_step step = CODEC_MORE;
    const struct packer_job job = {
        .frame = {.original = frame, .capacity = frame.size - 1, .level = 1, .look = noise_look(frame)},
        .guide = guide,
        .advice = columns_guide_ask(guide, frame),
    };
    if (packer == NULL)
        packer = packer_create();
    packer_begin(packer, &job);
    while (step == CODEC_MORE)
        step = packer_step(packer, &packed);
    ASSERT(step == CODEC_DONE && packed.size <= frame.size);
    if (packed.codec != CODEC_PASSTHROUGH)
        decode(&packed, frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t repeated[REPEATED_BYTES_MAX];
    struct columns_guide guide;
    if (size < 2)
        return 0;
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    pack(span_of(data, size < FRAME_ORIGINAL_BYTES ? size : FRAME_ORIGINAL_BYTES), &guide);
    size_t filled = repeat(data, size, repeated);
    if (filled > 0)
        pack(span_of(repeated, filled), &guide);
    return 0;
}
