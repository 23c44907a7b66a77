/* server/object/forms/columns_frame.c -- a frame in columns: its bounds, its memory, its slices. */
#include "server/object/forms/columns_frame.h"

#include "codec/columns/columns.h"
#include "runtime/fiber/loop.h"

#include <inttypes.h>

bool columns_frame_check(const struct frame_header *header, uint32_t object_codec, struct error *error)
{
    if (object_codec != CODEC_ZSTD && object_codec != CODEC_COLUMNS && object_codec != 0)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame is in columns, inside an object of codec %" PRIu32 ", which has no such frames.",
                         object_codec);
    if (header->original_size > COLUMNS_ORIGINAL_BYTES_MAX)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame of columns says it holds %" PRIu64 " bytes; at most %u can be.",
                         header->original_size, (unsigned)COLUMNS_ORIGINAL_BYTES_MAX);
    if (header->payload_size > columns_payload_bytes_max((size_t)header->original_size))
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame of columns takes %" PRIu64 " bytes, too many for the %" PRIu64 " that it holds.",
                         header->payload_size, header->original_size);
    return true;
}

/* Ours fit into what a slot has. */
static bool is_foreign(const struct frame_header *header)
{
    return header->original_size > FRAME_ORIGINAL_BYTES || header->payload_size > FRAME_ORIGINAL_BYTES;
}

size_t columns_frame_memory_beside(const struct frame_header *header)
{
    return is_foreign(header) ? (size_t)(header->original_size + header->payload_size + FRAME_HEADER_BYTES) : 0;
}

bool columns_frame_prepare(struct decode_slot *slot, const struct frame_header *header, uint8_t **ret_stored,
                           struct error *error)
{
    size_t scratch_size = is_foreign(header) ? columns_frame_memory_beside(header) : (size_t)header->original_size;
    if (!decode_slot_prepare_columns(slot, scratch_size, error))
        return false;
    *ret_stored = is_foreign(header) ? slot->scratch + header->original_size : slot->stored;
    return true;
}

SUSPENDS bool columns_frame_decode(struct decode_slot *slot, const struct frame_header *header, struct span payload,
                                   uint8_t *ret_original, struct error *error)
{
    struct columns_decompress_job job = {
        .payload = payload,
        .scratch = slot->scratch,
        .original = ret_original,
        .original_size = (size_t)header->original_size,
    };
    if (!columns_decompress_begin(slot->columns, &job, error))
        return false;
    enum codec_step step;
    do {
        step = columns_decompress_step(slot->columns, error);
        fiber_yield_if_due();
    } while (step == CODEC_MORE);
    return step == CODEC_DONE;
}
