/* store/remote/format/varint.h -- numbers of seven bits a byte, the least first (LEB128), as trailers and names of
 * parts have them. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdint.h>

enum { VARINT_BYTES_MAX = 10 };

void varint_append(struct buffer *to, uint64_t value);
/* Takes one at *position, which moves on. False: it is cut off, or does not fit 64 bits. */
bool varint_take(struct span bytes, size_t *position, uint64_t *ret_value);
