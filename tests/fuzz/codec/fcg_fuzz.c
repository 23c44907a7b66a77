/* tests/fuzz/codec/fcg_fuzz.c -- any bytes as an FCG1 container, fed in pieces and taken in pieces, and again as a
 * whole: the same bytes, or an error, either way. First byte: which algorithm, the size of the pieces. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    OUTPUT_BYTES_MAX = 4 << 20, /* a bomb is not waited for */
    SLICES_MAX = 4096,          /* of one chunk */
};

struct stream {
    struct decompressor *decompressor;
    uint8_t *original;
    size_t done;
    bool ended;
};

/* What of `piece` can be decoded; false: an error, or a bomb. */
static bool take_in(struct stream *stream, struct span piece, size_t capacity)
{
    struct error error;
    size_t got = 1;
    unsigned slices = 0; /* that only worked */
    while (piece.size > 0 || got > 0) {
        size_t before = piece.size;
        size_t room = OUTPUT_BYTES_MAX - stream->done < capacity ? OUTPUT_BYTES_MAX - stream->done : capacity;
        if (room == 0 || !decompressor_step(stream->decompressor, &piece, stream->original + stream->done, room, &got,
                                            &stream->ended, &error))
            return false;
        ASSERT(got <= room && piece.size <= before);
        slices = got > 0 || piece.size < before ? 0 : slices + 1;
        ASSERT(slices < SLICES_MAX); /* it moves */
        stream->done += got;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream stream;
    static uint8_t *whole;
    if (size == 0)
        return 0;
    if (stream.decompressor == NULL) {
        stream.decompressor = decompressor_create();
        stream.original = malloc(OUTPUT_BYTES_MAX);
        whole = malloc(OUTPUT_BYTES_MAX);
    }
    struct error error;
    uint32_t codec = (data[0] & 1) == 0 ? CODEC_NVCOMP_ZSTD : CODEC_NVCOMP_GDEFLATE;
    size_t feed = (size_t)1 << (data[0] >> 1 & 15);
    size_t capacity = (size_t)1 << (data[0] >> 5 & 7) * 2;
    struct span left = span_of(data + 1, size - 1);
    ASSERT(decompressor_begin(stream.decompressor, codec, false, &error));
    stream.done = 0;
    stream.ended = false;
    bool works = true;
    while (works && left.size > 0) {
        works = take_in(&stream, span_take(left, feed), capacity);
        left = span_skip(left, left.size < feed ? left.size : feed);
    }
    if (stream.done < OUTPUT_BYTES_MAX) {
        bool is_whole = works && stream.ended;
        ASSERT(decompressor_run(stream.decompressor, codec, span_of(data + 1, size - 1), whole, stream.done, &error) ==
               is_whole);
        ASSERT(!is_whole || memcmp(whole, stream.original, stream.done) == 0);
    }
    return 0;
}
