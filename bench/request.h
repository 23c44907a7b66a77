/* bench/request.h -- request heads as S3 clients send them: signed in the header, presigned, or bare. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <stdint.h>

enum { SHA256_TEXT_BYTES = 64 };

struct signer {
    const char *host; /* "127.0.0.1:8014" */
    const char *access_key;
    const char *secret_key;
    const char *region;
};

struct request_line {
    const char *method;
    const char *path;  /* of unreserved characters and "/" only, so that it stands for its own encoding */
    const char *query; /* encoded, parameters sorted by name; "": none */
};

/* "GET /bucket/key?X-Amz-..." valid for a day. */
void request_presigned(const struct signer *signer, const struct request_line *line, struct buffer *to);
/* Authorization header; `payload_hash` is 64 hex characters or UNSIGNED-PAYLOAD; Content-Length when body_bytes > 0 or
 * the method is PUT. */
void request_signed(const struct signer *signer, const struct request_line *line, struct span payload_hash,
                    uint64_t body_bytes, struct buffer *to);
/* Nothing but Host: for servers of plain files. */
void request_bare(const struct signer *signer, const struct request_line *line, struct buffer *to);
