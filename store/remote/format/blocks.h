/* store/remote/format/blocks.h -- small records of the store itself: blocks behind a magic and a checksum.
 *
 *     8 bytes magic, u32 CRC-32C of what follows, then blocks: a letter, u32 bytes, bytes
 *
 * Little endian; numbers are decimal text. Letters that a reader does not know it passes over. Pure; every length is
 * bounded before it is used. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { BLOCKS_MAGIC_BYTES = 8 };

/* ---- writing: begin, put ..., seal; into a buffer that holds nothing else ---- */

void blocks_begin(const char *magic, struct buffer *to);
void blocks_put(struct buffer *to, char name, struct span bytes);
void blocks_put_number(struct buffer *to, char name, uint64_t value);
void blocks_seal(struct buffer *to);

/* ---- reading ---- */

/* False: another magic, more than bytes_max, or damaged. */
bool blocks_open(const char *magic, struct span bytes, size_t bytes_max, struct span *ret_blocks);
/* The first block of that letter; the span points into `blocks`. False: there is none, and *ret_bytes stays. */
bool blocks_find(struct span blocks, char name, struct span *ret_bytes);
/* False also above `most`. */
bool blocks_find_number(struct span blocks, char name, uint64_t most, uint64_t *ret_value);
