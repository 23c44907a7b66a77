/* codec/dictionary/block.h -- what a dictionary makes of a small object, without the bytes that say nothing.
 *
 * zstd writes an object of up to 64 KiB as a frame of one block (RFC 8878, 3.1.1). Compressed with a dictionary by
 * codec/stock/compressor.h, its first nine bytes are always alike but for the size of the block: the magic number, a
 * descriptor that promises nothing, a window, the block's header. CODEC_DICTIONARY_BLOCK is the block alone, as the
 * whole body of an object whose size and CRC-32C are kept beside it: of an event that takes 165 bytes in frames, 37
 * less. With the nine bytes in front it is a payload of CODEC_ZSTD_DICTIONARY again. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DICTIONARY_BLOCK_HEAD_BYTES = 9,
    DICTIONARY_BLOCK_BYTES_MAX = 64 << 10, /* of the block, and of the object */
};

/* The block of a frame; false: it is not one compressed block behind such a head. */
bool dictionary_block_take(struct span frame, struct span *ret_block);
/* What belongs in front of a block of that size, DICTIONARY_BLOCK_BYTES_MAX at most. */
void dictionary_block_head(size_t block_size, uint8_t ret_head[DICTIONARY_BLOCK_HEAD_BYTES]);
