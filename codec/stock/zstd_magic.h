/* codec/stock/zstd_magic.h -- what a frame of zstd begins with (RFC 8878, 3.1).
 *
 * libzstd may be built to read the formats before the standard as well, 0.5 to 0.7 on Debian. Nothing that Bale reads
 * was ever written so, and their decoders allocate windows of up to 128 MiB that no limit of the present format holds
 * for: what begins so must not come to libzstd. */
#pragma once

#include "runtime/base/byteorder.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { ZSTD_MAGIC_BYTES = 4 };

/* An ordinary frame, or a skippable one. False as well where there are too few bytes. */
static inline bool zstd_magic_is_known(struct span frame)
{
    if (frame.size < ZSTD_MAGIC_BYTES)
        return false;
    uint32_t magic = load_u32_le(frame.data);
    return magic == 0xFD2FB528 || (magic & 0xFFFFFFF0) == 0x184D2A50;
}
