/* server/object/forms/frame_stream.c -- reads stored pieces, decodes them in slices, counts and verifies. */
#include "server/object/forms/frame_stream.h"

#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"

#include <inttypes.h>
#include <stdlib.h>

struct frame_stream {
    struct object_codecs *codecs;
    struct pool *pool; /* that the slot is of */
    struct decode_slot *slot;
    struct frame_stream_source from;
    uint64_t read;   /* of the payload */
    struct span fed; /* in the slot's buffer: read, not decoded yet */
    uint64_t decoded;
    uint32_t crc32c;
    bool may_end; /* the codec's stream is at an end */
    bool has_ended;
};

SUSPENDS static bool read_payload(const struct frame_stream_source *from, uint64_t offset, uint8_t *ret_bytes,
                                  size_t size, struct error *error)
{
    if (from->source->whole.size > 0) {
        memcpy(ret_bytes, from->source->whole.data + from->payload_offset + offset, size);
        return true;
    }
    return from->source->read(from->source, from->payload_offset + offset, ret_bytes, size, error);
}

/* The beginning of the payload, where a window is asked for. */
SUSPENDS static bool read_head(const struct frame_stream_source *from, uint8_t ret_bytes[CODEC_HEAD_BYTES],
                               struct span *ret_head, struct error *error)
{
    uint64_t size = from->header.payload_size;
    *ret_head = span_of(ret_bytes, size < CODEC_HEAD_BYTES ? (size_t)size : CODEC_HEAD_BYTES);
    return ret_head->size == 0 || read_payload(from, 0, ret_bytes, ret_head->size, error);
}

SUSPENDS bool frame_stream_window(const struct frame_stream_source *from, size_t *ret_bytes, struct error *error)
{
    uint8_t bytes[CODEC_HEAD_BYTES];
    struct span head;
    *ret_bytes = 0;
    if (from->header.codec != CODEC_ZSTD && from->header.codec != CODEC_ZSTD_DICTIONARY)
        return true;
    if (!read_head(from, bytes, &head, error))
        return false;
    uint64_t window = decompressor_window_bytes(from->header.codec, head);
    if (window <= STREAM_WINDOW_BYTES) /* a larger one is in one of the large slots, beside the budget */
        *ret_bytes = window == 0 ? STREAM_WINDOW_BYTES : (size_t)window;
    return true;
}

SUSPENDS bool frame_stream_begin(struct object_codecs *codecs, const struct frame_stream_source *from,
                                 struct frame_stream **ret_stream, struct error *error)
{
    uint8_t bytes[CODEC_HEAD_BYTES];
    struct span head;
    if (!read_head(from, bytes, &head, error))
        return false;
    bool is_large = decompressor_needs_large_window(from->header.codec, head);
    struct pool *pool = is_large ? codecs->large_slots : codecs->stream_slots;
    struct decode_slot *slot = slot_take(codecs, pool, error);
    if (slot == NULL)
        return false;
    decompressor_set_dictionary(slot->decompressor, from->dictionary);
    struct frame_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL || !decompressor_begin(slot->decompressor, from->header.codec, is_large, error)) {
        decode_slot_give(pool, slot);
        if (stream == NULL)
            return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
        free(stream);
        return false;
    }
    *stream = (struct frame_stream){.codecs = codecs, .pool = pool, .slot = slot, .from = *from};
    *ret_stream = stream;
    return true;
}

void frame_stream_end(struct frame_stream *stream)
{
    decode_slot_give(stream->pool, stream->slot);
    free(stream);
}

bool frame_stream_has_ended(const struct frame_stream *stream)
{
    return stream->has_ended;
}

SUSPENDS static bool feed(struct frame_stream *stream, struct error *error)
{
    uint64_t left = stream->from.header.payload_size - stream->read;
    size_t size = left < STREAM_STORED_BYTES ? (size_t)left : STREAM_STORED_BYTES;
    if (!read_payload(&stream->from, stream->read, stream->slot->stored, size, error))
        return false;
    metric_add(&stream->codecs->counters.stored_bytes_out, size);
    stream->read += size;
    stream->fed = span_of(stream->slot->stored, size);
    return true;
}

/* Some bytes, at most `capacity`; 0 with *ret_is_over: the payload holds no more. */
SUSPENDS static bool decode_some(struct frame_stream *stream, uint8_t *ret_bytes, size_t capacity, size_t *ret_size,
                                 bool *ret_is_over, struct error *error)
{
    *ret_is_over = false;
    do {
        bool is_all_read = stream->read == stream->from.header.payload_size;
        if (stream->fed.size == 0 && !is_all_read && !feed(stream, error))
            return false;
        if (!decompressor_step(stream->slot->decompressor, &stream->fed, ret_bytes, capacity, ret_size,
                               &stream->may_end, error))
            return false;
        *ret_is_over = *ret_size == 0 && is_all_read && stream->fed.size == 0;
        fiber_yield_if_due();
    } while (*ret_size == 0 && !*ret_is_over);
    return true;
}

/* All original bytes are there: the payload must end with them, and the CRC must be right. */
SUSPENDS static bool check_end(struct frame_stream *stream, struct error *error)
{
    uint8_t beyond;
    size_t size;
    bool is_over;
    if (!decode_some(stream, &beyond, 1, &size, &is_over, error))
        return false;
    if (!is_over)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame holds more bytes than the %" PRIu64 " that it says.",
                         stream->from.header.original_size);
    if (!stream->may_end)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame's compressed data are cut off.");
    if (stream->from.has_crc32c && stream->crc32c != stream->from.header.crc32c)
        return error_set(error, ERROR_DAMAGED, NULL, "The decoded bytes do not match their CRC-32C.");
    stream->has_ended = true;
    return true;
}

SUSPENDS bool frame_stream_read(struct frame_stream *stream, uint8_t *ret_bytes, size_t capacity, size_t *ret_size,
                                struct error *error)
{
    ASSERT(capacity > 0 && !stream->has_ended);
    uint64_t left = stream->from.header.original_size - stream->decoded;
    size_t wanted = left < capacity ? (size_t)left : capacity;
    size_t filled = 0;
    while (filled < wanted) {
        size_t size;
        bool is_over;
        if (!decode_some(stream, ret_bytes + filled, wanted - filled, &size, &is_over, error))
            return false;
        if (is_over)
            return error_set(error, ERROR_DAMAGED, NULL, "A frame holds fewer bytes than the %" PRIu64 " that it says.",
                             stream->from.header.original_size);
        stream->crc32c = crc32c_update(stream->crc32c, span_of(ret_bytes + filled, size));
        filled += size;
    }
    stream->decoded += filled;
    *ret_size = filled;
    return stream->decoded < stream->from.header.original_size || check_end(stream, error);
}
