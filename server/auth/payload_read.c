/* server/auth/payload_read.c -- a body for handlers: what arrives is decoded where it landed. */
#include "server/auth/payload.h"

#include "runtime/base/assert.h"

/* Decodes what lies in `bytes` within it; *ret_size original bytes stand at its beginning afterwards. */
static bool decode_in_place(struct payload_decoder *decoder, uint8_t *bytes, size_t size, size_t *ret_size,
                            struct error_details *details, struct error *error)
{
    struct span input = span_of(bytes, size);
    struct span original;
    size_t kept = 0;
    while (input.size > 0) {
        if (!payload_decoder_feed(decoder, &input, &original, details, error))
            return false;
        if (original.size > 0 && original.data != bytes + kept)
            memmove(bytes + kept, original.data, original.size);
        kept += original.size;
    }
    *ret_size = kept;
    return true;
}

SUSPENDS bool payload_read(struct payload_decoder *decoder, struct http_exchange *exchange, void *ret_bytes,
                           size_t capacity, size_t *ret_size, struct error_details *ret_details, struct error *error)
{
    ASSERT(capacity > 0);
    *ret_size = 0;
    while (*ret_size == 0) { /* a piece may hold framing only */
        size_t received;
        if (!http_body_read(exchange, ret_bytes, capacity, &received, error))
            return false;
        if (received == 0)
            return payload_decoder_finish(decoder, ret_details, error);
        if (!decode_in_place(decoder, ret_bytes, received, ret_size, ret_details, error))
            return false;
    }
    return true;
}
