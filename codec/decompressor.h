/* codec/decompressor.h -- decompressing the payload of any codec but columns, whole or as a stream.
 *
 * Columns have a decompressor of their own (codec/columns/columns.h), as they need more room beside. */
#pragma once

#include "codec/codec.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decompressor; /* contexts for zstd, gzip and FCG1, made on first need; pooled by its user */

struct decompressor *decompressor_create(void);
void decompressor_destroy(struct decompressor *decompressor);

/* What payloads of CODEC_ZSTD_DICTIONARY and CODEC_DICTIONARY_BLOCK refer to from now on, until decompressor_shrink;
 * without it they are ERROR_DAMAGED. It must live as long as that. */
struct dictionary;
void decompressor_set_dictionary(struct decompressor *decompressor, const struct dictionary *dictionary);

/* A whole payload in memory into a whole buffer of exactly original_size bytes (<= FRAME_VERIFIED_BYTES_MAX): the
 * ordinary frame. Fails (ERROR_DAMAGED) on more or fewer bytes than that and on damage; ERROR_UNSUPPORTED: a codec that
 * this build cannot read. The caller checks the CRC. It has no window of its own, whatever size the payload asks for: a
 * decompressor takes at most some 800 KiB for all that it runs, 300 KiB of that for zstd in slices, and the payload has
 * no say in it.
 * Takes up to about 1 ms for 1 MiB of what a compressor wrote, and up to 180 ms where a payload is made to be slow. */
bool decompressor_run(struct decompressor *decompressor, uint32_t codec, struct span payload, uint8_t *ret_original,
                      size_t original_size, struct error *error);

/* The same in steps of at most some 3 ms, whatever the payload says; what a compressor wrote takes one. */
bool decompressor_run_begin(struct decompressor *decompressor, uint32_t codec, struct span payload,
                            uint8_t *ret_original, size_t original_size, struct error *error);
enum codec_step decompressor_run_step(struct decompressor *decompressor, struct error *error);

/* The memory that streaming a zstd payload takes for its window, as its first frame header asks for it; 0 for other
 * codecs and where it cannot be told. `payload` may be its first CODEC_HEAD_BYTES. */
enum { CODEC_HEAD_BYTES = 18 };
uint64_t decompressor_window_bytes(uint32_t codec, struct span payload);
/* Is that more than 8 MiB? */
bool decompressor_needs_large_window(uint32_t codec, struct span payload);

/* Streaming, for frames above FRAME_VERIFIED_BYTES_MAX and unframed bodies, but no CODEC_DICTIONARY_BLOCK: feed stored
 * bytes, take original bytes. */
bool decompressor_begin(struct decompressor *decompressor, uint32_t codec, bool allow_large_window,
                        struct error *error);
/* Consumes from *input (advancing it) and writes at most `capacity` bytes, one slice at most. *ret_size 0 and *input
 * empty: it wants more input. A slice may do neither: it is called again, with the same input. *ret_ended: the stream
 * may end here. Multi-frame zstd payloads go on with more input; a gzip body is one member, what follows it is
 * swallowed; what follows an FCG1 container is ERROR_DAMAGED. */
bool decompressor_step(struct decompressor *decompressor, struct span *input, uint8_t *ret_original, size_t capacity,
                       size_t *ret_size, bool *ret_ended, struct error *error);

/* Gives back what a stream's window took, and forgets the dictionary; a pool calls it when a decompressor comes back.
 */
void decompressor_shrink(struct decompressor *decompressor);
