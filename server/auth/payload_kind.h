/* server/auth/payload_kind.h -- how a body is signed: x-amz-content-sha256 says it. */
#pragma once

enum payload_kind {
    PAYLOAD_UNSIGNED,              /* UNSIGNED-PAYLOAD, or a presigned URL */
    PAYLOAD_SHA256,                /* the hash of the whole body is signed */
    PAYLOAD_STREAM_SIGNED,         /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
    PAYLOAD_STREAM_SIGNED_TRAILER, /* ...-TRAILER */
    PAYLOAD_STREAM_UNSIGNED_TRAILER,
};
