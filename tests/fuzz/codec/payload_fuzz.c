/* tests/fuzz/codec/payload_fuzz.c -- any bytes as the payload of a frame, decoded as a whole and as a stream: the same
 * comes out. First byte: codec; three more: the original size that the frame says. */
#include "codec/decompressor.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = 4, ORIGINAL_BYTES_MAX = 256 << 10 };

/* All of it, if it comes to just `size` bytes. */
static bool stream(struct decompressor *decompressor, uint32_t codec, struct span payload, uint8_t *to, size_t size)
{
    struct error error;
    bool ended = false;
    size_t done = 0;
    size_t got = 0;
    bool goes_on = decompressor_begin(decompressor, codec, true, &error);
    while (goes_on && (!ended || payload.size > 0)) {
        size_t before = payload.size;
        goes_on = decompressor_step(decompressor, &payload, to + done, size + 1 - done, &got, &ended, &error) &&
                  (got > 0 || payload.size < before || ended);
        done += goes_on ? got : 0;
        goes_on = goes_on && done <= size;
    }
    return goes_on && done == size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t codecs[] = {CODEC_PASSTHROUGH, CODEC_ZSTD, CODEC_GZIP, CODEC_NVCOMP_ZSTD};
    static struct decompressor *decompressor;
    if (size < HEAD_BYTES)
        return 0;
    if (decompressor == NULL)
        decompressor = decompressor_create();
    struct error error;
    uint32_t codec = codecs[data[0] & 3];
    size_t original_size = (load_u16_le(data + 1) | (size_t)data[3] << 16) % ORIGINAL_BYTES_MAX;
    struct span payload = span_of(data + HEAD_BYTES, size - HEAD_BYTES);
    uint8_t *whole = malloc(original_size + 1);
    uint8_t *streamed = malloc(original_size + 1);
    bool is_whole = decompressor_run(decompressor, codec, payload, whole, original_size, &error);
    bool is_streamed = stream(decompressor, codec, payload, streamed, original_size);
    ASSERT(is_whole || !is_streamed);
    ASSERT(!is_whole || !is_streamed || memcmp(whole, streamed, original_size) == 0);
    decompressor_shrink(decompressor);
    free(whole);
    free(streamed);
    return 0;
}
