/* store/frames.c -- lists of frames' sizes, and the sidecar made of one. */
#include "store/frames.h"

#include "codec/format/sidecar.h"
#include "runtime/base/byteorder.h"

void frames_append(struct buffer *frames, struct frame_sizes sizes)
{
    uint8_t bytes[FRAME_SIZES_BYTES];
    store_u32_le(bytes, sizes.original);
    store_u32_le(bytes + 4, sizes.stored);
    buffer_append(frames, span_of(bytes, sizeof bytes));
}

bool frames_next(struct span *frames, struct frame_sizes *ret_sizes)
{
    if (frames->size < FRAME_SIZES_BYTES)
        return false;
    ret_sizes->original = load_u32_le(frames->data);
    ret_sizes->stored = load_u32_le(frames->data + 4);
    *frames = span_skip(*frames, FRAME_SIZES_BYTES);
    return true;
}

uint64_t frames_count(struct span frames)
{
    return frames.size / FRAME_SIZES_BYTES;
}

uint64_t frames_sidecar_bytes(struct span frames)
{
    uint64_t count = frames_count(frames);
    uint64_t bytes = SIDECAR_HEAD_BYTES + count * SIDECAR_ENTRY_BYTES;
    return count < 2 || bytes > SIDECAR_BYTES_MAX ? 0 : bytes;
}

void frames_append_sidecar(struct span frames, struct buffer *ret_sidecar)
{
    uint64_t bytes = frames_sidecar_bytes(frames);
    if (bytes == 0)
        return;
    struct sidecar_entry entry = {0};
    struct frame_sizes sizes;
    for (struct span rest = frames; frames_next(&rest, &sizes);) {
        entry.original_offset += sizes.original;
        entry.stored_offset += sizes.stored;
    }
    (void)buffer_reserve(ret_sidecar, bytes);
    sidecar_append_head(ret_sidecar, frames_count(frames), entry.original_offset, entry.stored_offset);
    entry = (struct sidecar_entry){0};
    for (struct span rest = frames; frames_next(&rest, &sizes);) {
        entry.original_size = sizes.original;
        entry.stored_size = sizes.stored;
        sidecar_append_entry(ret_sidecar, &entry);
        entry.original_offset += sizes.original;
        entry.stored_offset += sizes.stored;
    }
}
