/* codec/stock/zstd_flat.h -- zstd from memory into memory, block by block.
 *
 * What decompressor_run does at once, in slices: all of the input, exactly as many bytes as are expected (RFC 8878). It
 * has no window of its own, whatever size a frame asks for: what blocks refer to is read where it was written. A
 * context is about 160 KiB, and 128 KiB more from its first use on; nothing that it decodes makes it larger. */
#pragma once

#include "codec/codec.h"

struct zstd_flat; /* a context of zstd; pooled by its user */

struct zstd_flat *zstd_flat_create(void); /* NULL: no memory */
void zstd_flat_destroy(struct zstd_flat *flat);

/* One ordinary frame without a dictionary. Both buffers stay where they are until the last step. ERROR_DAMAGED: it
 * begins as no such frame does. */
bool zstd_flat_begin(struct zstd_flat *flat, struct span frame, uint8_t *ret_original, size_t original_size,
                     struct error *error);
/* Any number of frames, skippable ones among them, and `dictionary` (NULL: none) for those that refer to it. */
struct ZSTD_DDict_s;
void zstd_flat_begin_frames(struct zstd_flat *flat, struct span frames, const struct ZSTD_DDict_s *dictionary,
                            uint8_t *ret_original, size_t original_size);
/* A slice of CODEC_SLICE_BYTES and a block more at most, or 256 blocks. CODEC_DONE: all bytes are there. CODEC_FAILED:
 * ERROR_DAMAGED, or ERROR_BUSY: no memory. */
enum codec_step zstd_flat_step(struct zstd_flat *flat, struct error *error);
