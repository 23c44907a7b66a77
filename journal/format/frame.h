/* journal/format/frame.h -- the wrapping that every object of the journal has: what it is, how long, and a checksum.
 *
 *   0  4  magic: "BJSG" segment, "BJHD" head, "BJLG" roll part, "BJST" state part, "BJGR" note of the store's test
 *   4  2  format, 1
 *   6  2  zero
 *   8  4  payload bytes
 *  12  4  CRC32C of bytes 0..11 and of the payload
 *  16     payload
 *
 * Little endian. A body that is longer or shorter than its frame says is damaged. docs/journal-format.md has the rest.
 */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"

enum {
    FRAME_HEADER_BYTES = 16,
    FRAME_FORMAT = 1,
    SEGMENT_BYTES_MAX = 16 << 20,
    HEAD_BYTES_MAX = 64 << 10, /* J43 */
    PART_BYTES_MAX = 1 << 30,
};

#define SEGMENT_MAGIC "BJSG"
#define HEAD_MAGIC "BJHD"
#define ROLL_MAGIC "BJLG"
#define STATE_MAGIC "BJST"
#define GROUND_MAGIC "BJGR"

/* Leaves room for the header at the end of `ret_body` and returns where it begins; the payload is appended behind it.
 */
size_t frame_begin(struct buffer *ret_body);
/* Fills the header in. ERROR_TOO_LARGE when the buffer met its limit. */
bool frame_end(struct buffer *body, size_t begin, const char *magic, struct error *error);

/* The payload of a body that is one frame. ERROR_DAMAGED, or ERROR_UNSUPPORTED for a sound frame of a later format. */
bool frame_open(struct span body, const char *magic, struct span *ret_payload, struct error *error);

void frame_put_u16(struct buffer *buffer, uint16_t value);
void frame_put_u32(struct buffer *buffer, uint32_t value);
void frame_put_u64(struct buffer *buffer, uint64_t value);
