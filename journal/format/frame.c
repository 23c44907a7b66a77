/* journal/format/frame.c -- wraps and unwraps objects of the journal. */
#include "journal/format/frame.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"

size_t frame_begin(struct buffer *ret_body)
{
    static const uint8_t room[FRAME_HEADER_BYTES];
    size_t begin = ret_body->size;
    buffer_append(ret_body, span_of(room, sizeof room));
    return begin;
}

static uint32_t checksum_of(struct span header, struct span payload)
{
    return crc32c_update(crc32c_update(0, span_take(header, 12)), payload);
}

bool frame_end(struct buffer *body, size_t begin, const char *magic, struct error *error)
{
    if (body->overflow || body->size - begin - FRAME_HEADER_BYTES > UINT32_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "an object of the journal would be larger than %zu bytes",
                         body->limit);
    uint8_t *header = body->data + begin;
    struct span payload = span_skip(buffer_span(body), begin + FRAME_HEADER_BYTES);
    memcpy(header, magic, 4);
    store_u16_le(header + 4, FRAME_FORMAT);
    store_u16_le(header + 6, 0);
    store_u32_le(header + 8, (uint32_t)payload.size);
    store_u32_le(header + 12, checksum_of(span_of(header, FRAME_HEADER_BYTES), payload));
    return true;
}

bool frame_open(struct span body, const char *magic, struct span *ret_payload, struct error *error)
{
    if (body.size < FRAME_HEADER_BYTES)
        return error_set(error, ERROR_DAMAGED, NULL, "%zu bytes are too few for an object of the journal", body.size);
    struct span payload = span_skip(body, FRAME_HEADER_BYTES);
    if (memcmp(body.data, magic, 4) != 0)
        return error_set(error, ERROR_DAMAGED, NULL, "the object does not begin with %s", magic);
    if (load_u32_le(body.data + 8) != payload.size)
        return error_set(error, ERROR_DAMAGED, NULL, "the object has %zu bytes of payload, its frame says %u",
                         payload.size, load_u32_le(body.data + 8));
    if (load_u32_le(body.data + 12) != checksum_of(body, payload))
        return error_set(error, ERROR_DAMAGED, NULL, "the checksum of the object is wrong");
    if (load_u16_le(body.data + 4) != FRAME_FORMAT || load_u16_le(body.data + 6) != 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "the object has format %u, this program knows %d",
                         load_u16_le(body.data + 4), FRAME_FORMAT);
    *ret_payload = payload;
    return true;
}

void frame_put_u16(struct buffer *buffer, uint16_t value)
{
    buffer_append(buffer, span_of(&value, sizeof value));
}

void frame_put_u32(struct buffer *buffer, uint32_t value)
{
    buffer_append(buffer, span_of(&value, sizeof value));
}

void frame_put_u64(struct buffer *buffer, uint64_t value)
{
    buffer_append(buffer, span_of(&value, sizeof value));
}
