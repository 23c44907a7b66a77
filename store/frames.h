/* store/frames.h -- the frames of a stored body as a list of their sizes: for each u32 original size, u32 stored size
 * (header included), little endian. They lie one behind the other, so where each begins follows from those before it.
 *
 * It is what a body's writer knows when all bytes have come, and what parts keep; what a store makes of it, a sidecar
 * or a trailer, is the store's affair. Bale's own frames have at most 4 MiB: 32 bits do. Pure. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdint.h>

enum { FRAME_SIZES_BYTES = 8 };

struct frame_sizes {
    uint32_t original;
    uint32_t stored;
};

void frames_append(struct buffer *frames, struct frame_sizes sizes);
/* Takes the first off the list. False: there is none. */
bool frames_next(struct span *frames, struct frame_sizes *ret_sizes);
uint64_t frames_count(struct span frames);

/* S4's sidecar, not bound to an ETag, that says the same. Nothing for fewer than two frames, whose index tells nothing,
 * and where it would pass SIDECAR_BYTES_MAX, which no reader takes. The buffer has no limit of its own below that. */
uint64_t frames_sidecar_bytes(struct span frames);
void frames_append_sidecar(struct span frames, struct buffer *ret_sidecar);
