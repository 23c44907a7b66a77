/* codec/stock/gzip.h -- one gzip member (RFC 1952) as it is written: codec `CODEC_GZIP`, by ISA-L's igzip.
 *
 * Its head is 1f 8b 08, no flags, no time, OS unknown, as S4 writes it. Level 1 is nearly as small as zlib's 6 and
 * compresses some 700 MB/s; 2 is hardly smaller, 3 a little, at a fifth of the speed. igzip has a level 0 as well,
 * which is no faster and lets noise grow by a quarter; at these levels it grows by less than GZIP_GROWTH_MAX.
 *
 * No I/O, no allocation but at creation. Reading is codec/decompressor.h's. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>

enum {
    GZIP_LEVEL_LEAST = 1,
    GZIP_LEVEL_DEFAULT = 1,
    GZIP_LEVEL_MOST = 3,
    GZIP_SLICE_BYTES = 64 << 10,       /* of original bytes, a step */
    GZIP_COMPRESSOR_BYTES = 440 << 10, /* of memory, at most */
};
/* A member of `size` original bytes has no more than this. */
#define GZIP_MEMBER_BYTES_MAX(size) ((size) + (size) / 1024 + 64)

struct gzip_compressor; /* pooled by its user */

struct gzip_compressor *gzip_compressor_create(int level); /* NULL: no memory */
void gzip_compressor_destroy(struct gzip_compressor *compressor);

void gzip_begin(struct gzip_compressor *compressor);
/* One slice: takes bytes from the front of *original and writes at most `capacity`. Much may have been taken in before
 * the first byte comes out. `is_last`: nothing follows *original; then it goes on until *ret_has_ended. Returns how
 * many bytes were written; if they fill the capacity, there may be more to come without further input. */
size_t gzip_step(struct gzip_compressor *compressor, struct span *original, bool is_last, uint8_t *ret_stored,
                 size_t capacity, bool *ret_has_ended);
