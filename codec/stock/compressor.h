/* codec/stock/compressor.h -- compressing the payload of one frame with zstd.
 *
 * Of a level, by the statistics of bytes alone, or with a dictionary: any zstd reads what comes out. */
#pragma once

#include "codec/codec.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct compressor; /* a zstd context, about 1 MiB at low levels; pooled by its user */

struct compressor *compressor_create(void);
void compressor_destroy(struct compressor *compressor);

struct compression {
    int level; /* CODEC_LEVEL_LEAST to CODEC_LEVEL_MOST */
    /* The statistics of single bytes and hardly a match, at any level the same: smaller and several times as fast where
     * the matches that zstd finds are chance, as in DNA, quality strings, hex and base64. */
    bool is_entropy_only;
    /* What comes again at length is found as far back as the first byte of a frame. 0.8 ms for each MiB. */
    bool finds_repeats;
    /* NULL: none. Lives until the last step; shared between threads, as it is only read. Its parameters are those of
     * the level that it was made for. The payload then names neither its size nor the dictionary: whoever reads it
     * knows both, and a wrong one shows in the CRC. Not with is_entropy_only. */
    const struct ZSTD_CDict_s *dictionary;
};

/* Begins a payload of exactly `original.size` bytes; the spans must stay where they are until the last step. `capacity`
 * bytes are at `ret_payload`; a payload that does not fit below it is given up (*ret_size 0): the caller stores the
 * bytes as they are. */
void compressor_begin(struct compressor *compressor, const struct compression *how, struct span original,
                      uint8_t *ret_payload, size_t capacity);
/* One slice. CODEC_DONE: *ret_size is the payload's size, or 0 when it did not shrink below the capacity. */
enum codec_step compressor_step(struct compressor *compressor, size_t *ret_size);
/* Of the payload, what the slices up to now have made: each of them is a block. */
size_t compressor_size_so_far(const struct compressor *compressor);
