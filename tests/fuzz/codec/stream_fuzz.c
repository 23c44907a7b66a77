/* tests/fuzz/codec/stream_fuzz.c -- any bytes as a zstd or gzip stream, fed in pieces. First byte: codec, size of
 * pieces.
 */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "runtime/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUTPUT_BYTES_MAX = 4 << 20 }; /* a bomb is not waited for */

static bool step(struct decompressor *decompressor, struct span *piece, uint8_t *out, size_t capacity, size_t *total,
                 size_t *ret_size)
{
    struct error error;
    bool ended;
    size_t before = piece->size;
    if (!decompressor_step(decompressor, piece, out, capacity, ret_size, &ended, &error))
        return false;
    ASSERT(*ret_size <= capacity && piece->size <= before);
    ASSERT(*ret_size > 0 || piece->size < before || before == 0); /* it moves */
    *total += *ret_size;
    return *total < OUTPUT_BYTES_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decompressor *decompressor;
    static uint8_t out[CODEC_SLICE_BYTES];
    if (size == 0)
        return 0;
    if (decompressor == NULL)
        decompressor = decompressor_create();
    struct error error;
    uint32_t codec = (data[0] & 1) == 0 ? CODEC_ZSTD : CODEC_GZIP;
    size_t feed = (size_t)1 << (data[0] >> 1 & 15);
    size_t capacity = (size_t)1 << (data[0] >> 5 & 7) * 2;
    struct span left = span_of(data + 1, size - 1);
    size_t total = 0;
    bool goes_on = decompressor_begin(decompressor, codec, false, &error);
    while (goes_on && left.size > 0) {
        struct span piece = span_take(left, feed);
        left = span_skip(left, piece.size);
        size_t got = 1;
        while (goes_on && (piece.size > 0 || got > 0))
            goes_on = step(decompressor, &piece, out, capacity, &total, &got);
    }
    decompressor_shrink(decompressor);
    return 0;
}
