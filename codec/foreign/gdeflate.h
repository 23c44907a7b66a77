/* codec/foreign/gdeflate.h -- a chunk of GDeflate, as nvCOMP and DirectStorage write it, into its original bytes.
 *
 * Source: the Internet-Draft draft-uralsky-gdeflate-00 and the description in microsoft/DirectStorage (GDeflate/). It
 * is deflate (RFC 1951) with the window and the long lengths of Deflate64, and its bits dealt to 32 lanes so that a GPU
 * decodes 32 codes at once:
 *  - each lane holds 32 to 63 bits; the stream begins with 32 words of 32 bits, one a lane;
 *  - block headers are lane 0's. The lengths of the code length code, the code lengths and the bytes of a stored block
 *    go round, beginning with lane 0, each with its extra bits. A stored block has 16 bits of length and no complement;
 *  - literals and lengths go round as well. The distance of a length is the next that its lane reads, a round later;
 *  - a lane that has less than 32 bits after a code takes the next word of the stream.
 * The stream ends where the last code was read; words behind its end count as zeros, up to one a lane.
 *
 * Pure: bounded by the buffers given, nothing is allocated. A chunk of 64 KiB takes about 0.3 ms, one slice or two.
 * Blocks may hold nothing, though, and each may have codes of its own: a chunk of those takes hundreds of slices. */
#pragma once

#include "codec/codec.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>

enum { GDEFLATE_ORIGINAL_BYTES_MAX = 64 << 10 };

struct gdeflate; /* the tables of a block; pooled by its user */

struct gdeflate *gdeflate_create(void); /* NULL: no memory */
void gdeflate_destroy(struct gdeflate *gdeflate);

/* Both buffers stay where they are until the last step. original_size: at most GDEFLATE_ORIGINAL_BYTES_MAX. */
void gdeflate_begin(struct gdeflate *gdeflate, struct span chunk, uint8_t *ret_original, size_t original_size);
/* One slice. CODEC_DONE: all bytes are there. CODEC_FAILED: ERROR_DAMAGED, it is not what is described above, or holds
 * more or fewer bytes than it should. */
enum codec_step gdeflate_step(struct gdeflate *gdeflate, struct error *error);
