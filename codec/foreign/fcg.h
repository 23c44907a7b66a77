/* codec/foreign/fcg.h -- the container FCG1, in which S4 stores what a GPU compressed (spec/s4-format.md, section 1.9).
 *
 * A head, the sizes of the chunks, then the chunks, each of FCG_CHUNK_BYTES original bytes but the last. It is read as
 * a stream: a chunk is decoded as soon as all of it is there, in slices. What a compressor wrote is one or two; a chunk
 * may be made of blocks that hold next to nothing, and take a hundred times as long. Held are one chunk as it is
 * stored, one as it was, and the sizes: FCG_CHUNKS_MAX of 4 bytes at most, as they come. */
#pragma once

#include "codec/codec.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>

enum {
    FCG_CHUNK_BYTES = 64 << 10,
    FCG_CHUNK_STORED_BYTES_MAX = 128 << 10, /* of a chunk that did not shrink, and then some */
    FCG_CHUNKS_MAX = 81920,                 /* 5 GiB */
};

enum fcg_algorithm { FCG_ZSTD = 3, FCG_GDEFLATE = 5 };

/* Decodes one chunk into exactly original_size bytes, which are more than 0: begun, then stepped until it is
 * CODEC_DONE or CODEC_FAILED. Both buffers stay where they are until then. */
struct fcg_decoder {
    bool (*begin)(void *context, struct span chunk, uint8_t *ret_original, size_t original_size, struct error *error);
    enum codec_step (*step)(void *context, struct error *error);
    void *context;
};

struct fcg; /* about 200 KiB; pooled by its user */

struct fcg *fcg_create(void); /* NULL: no memory */
void fcg_destroy(struct fcg *fcg);

void fcg_begin(struct fcg *fcg, enum fcg_algorithm algorithm, const struct fcg_decoder *decoder);
/* As decompressor_step (codec/decompressor.h): one slice of one chunk at most. A chunk's last byte stays in *input
 * until the chunk is decoded, so that there is no waiting for more input meanwhile. The last chunk is the end: what
 * follows it is ERROR_DAMAGED, as are another algorithm, another chunk size, and a number of chunks that does not fit
 * the original size. */
bool fcg_step(struct fcg *fcg, struct span *input, uint8_t *ret_original, size_t capacity, size_t *ret_size,
              bool *ret_ended, struct error *error);
