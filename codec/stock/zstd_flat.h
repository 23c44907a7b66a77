/* codec/stock/zstd_flat.h -- one frame of zstd from memory into memory, block by block.
 *
 * What decompressor_run does at once, in slices, and with less allowed: one ordinary frame (RFC 8878), no dictionary,
 * all of the input, exactly as many bytes as are expected. It has no window of its own, whatever size the frame asks
 * for, and allocates nothing but at creation and, once, 128 KiB. */
#pragma once

#include "codec/codec.h"

struct zstd_flat; /* a context of zstd; pooled by its user */

struct zstd_flat *zstd_flat_create(void); /* NULL: no memory */
void zstd_flat_destroy(struct zstd_flat *flat);

/* Both buffers stay where they are until the last step. ERROR_DAMAGED: it begins as no such frame does. */
bool zstd_flat_begin(struct zstd_flat *flat, struct span frame, uint8_t *ret_original, size_t original_size,
                     struct error *error);
/* A slice of CODEC_SLICE_BYTES and a block more at most, or 256 blocks. CODEC_DONE: all bytes are there. CODEC_FAILED:
 * ERROR_DAMAGED.
 */
enum codec_step zstd_flat_step(struct zstd_flat *flat, struct error *error);
