/* bench/drive/streamed_body.h -- a body in the chunks of a signed stream: each with a signature that hangs on the one
 * before it, the first on that of the head.
 *
 * Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks" in the Amazon
 * S3 API reference. All chunks are signed before the first is sent: 90 bytes for each of 128 KiB. */
#pragma once

#include "bench/drive/request.h"
#include "runtime/fiber/fiber.h"

#include <stdint.h>

enum { STREAMED_CHUNK_BYTES = 128 << 10 };

#define STREAMED_PAYLOAD "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

struct streamed_body {
    struct buffer framing; /* all that is not body */
    struct span *pieces;   /* framing and body in turn */
    unsigned count;
    unsigned capacity;
};

void streamed_body_free(struct streamed_body *body);
/* How long a body of that size is with its framing. */
uint64_t streamed_body_bytes(uint64_t size);
/* `size` bytes are in `pieces`, which must stay; so must the body until it is sent. */
SUSPENDS void streamed_body_make(struct streamed_body *body, const struct signing *head, const struct span *pieces,
                                 unsigned count, uint64_t size);
