/* tests/fuzz/codec/frame_fuzz.c -- any bytes as a body of frames: walked, and every small frame decoded.
 *
 * What decodes and has the right CRC must decode to the same when it is streamed. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ORIGINAL_BYTES_MAX = 256 << 10 };

static void stream_again(struct decompressor *decompressor, const struct frame_header *header, struct span payload,
                         const uint8_t *expected)
{
    struct error error;
    uint8_t *out = malloc(CODEC_SLICE_BYTES);
    size_t done = 0;
    bool ended = false;
    size_t got;
    bool is_large = decompressor_needs_large_window(header->codec, payload);
    ASSERT(decompressor_begin(decompressor, header->codec, is_large, &error));
    do {
        /* a window beyond every limit is refused here, where a flat buffer needs none */
        if (!decompressor_step(decompressor, &payload, out, CODEC_SLICE_BYTES, &got, &ended, &error))
            break;
        ASSERT(got <= header->original_size - done && (got == 0 || memcmp(out, expected + done, got) == 0));
        done += got;
    } while (got > 0 || payload.size > 0);
    free(out);
}

static void decode(struct decompressor *decompressor, const struct frame_header *header, struct span payload)
{
    struct error error;
    uint8_t *original = malloc(header->original_size + 1);
    if (decompressor_run(decompressor, header->codec, payload, original, header->original_size, &error))
        stream_again(decompressor, header, payload, original);
    free(original);
    decompressor_shrink(decompressor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decompressor *decompressor;
    if (decompressor == NULL)
        decompressor = decompressor_create();
    struct span left = span_of(data, size);
    struct frame_header header;
    struct error error;
    while (frame_header_decode(left, left.size, &header, &error)) {
        ASSERT(header.header_size + header.payload_size <= left.size);
        struct span payload = span_take(span_skip(left, header.header_size), header.payload_size);
        if (header.kind == FRAME_DATA && header.original_size <= ORIGINAL_BYTES_MAX)
            decode(decompressor, &header, payload);
        left = span_skip(left, header.header_size + header.payload_size);
    }
    return 0;
}
