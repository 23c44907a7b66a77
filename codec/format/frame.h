/* codec/format/frame.h -- S4F2 data frames and S4P1 padding: the body of a compressed object (spec/s4-format.md,
 * section 1).
 *
 * Pure functions over byte ranges: no allocation, no I/O. Every length read from a header is bounded before it is used.
 */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FRAME_HEADER_BYTES = 28,
    FRAME_PADDING_HEADER_BYTES = 12,
    FRAME_ORIGINAL_BYTES = 1 << 20,      /* what Bale writes per frame */
    FRAME_ORIGINAL_BYTES_HUGE = 4 << 20, /* ... in objects beyond FRAME_HUGE_OBJECT_BYTES */
    FRAME_VERIFIED_BYTES_MAX = 4 << 20,  /* frames up to here are verified before a byte of them leaves */
};
#define FRAME_HUGE_OBJECT_BYTES (UINT64_C(1) << 40)
#define FRAME_BYTES_MAX (UINT64_C(5) << 30) /* original or stored size of one frame that a reader accepts */

enum frame_kind { FRAME_DATA, FRAME_PADDING };

struct frame_header {
    enum frame_kind kind;
    uint32_t codec;
    uint64_t original_size;
    uint64_t payload_size; /* what follows the header: compressed bytes, or padding */
    uint32_t crc32c;       /* of the original bytes */
    unsigned header_size;  /* FRAME_HEADER_BYTES or FRAME_PADDING_HEADER_BYTES */
};

void frame_header_encode(const struct frame_header *header, uint8_t ret_bytes[FRAME_HEADER_BYTES]);

/* Reads the header at the start of `bytes`; `stored_left` is how much of the body is left from here on (header
 * included). ERROR_DAMAGED: wrong magic, cut off, or a size beyond what is left or FRAME_BYTES_MAX. */
bool frame_header_decode(struct span bytes, uint64_t stored_left, struct frame_header *ret_header, struct error *error);

/* Bytes that "pad up to target" appends behind `size` (spec 1.2); 0 when none. */
uint64_t frame_padding_size(uint64_t size, uint64_t target);
