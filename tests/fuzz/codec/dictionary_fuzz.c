/* tests/fuzz/codec/dictionary_fuzz.c -- any bytes as a dictionary, and any bytes as a payload that refers to it.
 *
 * The first two bytes say how long the dictionary is. What it compresses must come back. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/dictionary/block.h"
#include "codec/dictionary/dictionary.h"
#include "codec/stock/compressor.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ORIGINAL_BYTES_MAX = 64 << 10 };

static void decode(struct decompressor *decompressor, struct span payload)
{
    struct error error;
    uint8_t *original = malloc(ORIGINAL_BYTES_MAX);
    for (size_t size = 1; size <= ORIGINAL_BYTES_MAX; size *= 16)
        for (unsigned i = 0; i < 2; i++)
            (void)decompressor_run(decompressor, i == 0 ? CODEC_ZSTD_DICTIONARY : CODEC_DICTIONARY_BLOCK, payload,
                                   original, size, &error);
    size_t done;
    bool has_ended;
    if (decompressor_begin(decompressor, CODEC_ZSTD_DICTIONARY, false, &error)) {
        for (unsigned steps = 0; steps < 64 && payload.size > 0; steps++) {
            if (!decompressor_step(decompressor, &payload, original, ORIGINAL_BYTES_MAX, &done, &has_ended, &error))
                break;
        }
    }
    free(original);
}

static void code(struct compressor *compressor, struct decompressor *decompressor, const struct dictionary *dictionary,
                 struct span original)
{
    struct error error;
    const struct compression how = {.level = 1, .dictionary = dictionary_for_coding(dictionary)};
    uint8_t *payload = malloc(original.size + 1);
    uint8_t *back = malloc(original.size + 1);
    size_t size;
    enum codec_step step;
    compressor_begin(compressor, &how, original, payload, original.size);
    while ((step = compressor_step(compressor, &size)) == CODEC_MORE)
        ;
    ASSERT(step == CODEC_DONE);
    if (size > 0) {
        ASSERT(
            decompressor_run(decompressor, CODEC_ZSTD_DICTIONARY, span_of(payload, size), back, original.size, &error));
        ASSERT(memcmp(back, original.data, original.size) == 0);
        struct span block;
        if (original.size <= ORIGINAL_BYTES_MAX && dictionary_block_take(span_of(payload, size), &block)) {
            memset(back, 0, original.size);
            ASSERT(decompressor_run(decompressor, CODEC_DICTIONARY_BLOCK, block, back, original.size, &error));
            ASSERT(memcmp(back, original.data, original.size) == 0);
        }
    }
    free(payload);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct compressor *compressor;
    static struct decompressor *decompressor;
    if (compressor == NULL) {
        compressor = compressor_create();
        decompressor = decompressor_create();
    }
    if (size < 2)
        return 0;
    struct error error;
    struct span rest = span_of(data + 2, size - 2);
    struct span bytes = span_take(rest, load_u16_le(data));
    struct dictionary *dictionary = dictionary_create_for_level(bytes, 1, &error);
    if (dictionary == NULL)
        return 0;
    rest = span_skip(rest, bytes.size);
    decompressor_set_dictionary(decompressor, dictionary);
    decode(decompressor, rest);
    if (rest.size > 0)
        code(compressor, decompressor, dictionary, rest);
    decompressor_shrink(decompressor);
    dictionary_drop(dictionary);
    return 0;
}
