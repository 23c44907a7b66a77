/* bench/drive/request.h -- request heads as S3 clients send them: signed in the header, presigned, or bare. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/date.h"
#include "s3client/wire/sigv4.h"

#include <stdbool.h>
#include <stdint.h>

enum { SHA256_TEXT_BYTES = 64, REQUEST_HEADERS_MAX = 4 };

/* The signing key of a day, which is worth keeping: four HMACs. Zeroed: none yet. */
struct signing_cache {
    char day[8];
    struct hmac_sha256_key key;
};

struct signer {
    const char *host; /* "127.0.0.1:8014" */
    const char *access_key;
    const char *secret_key;
    const char *region;
    struct signing_cache *cache; /* NULL: the key is made for each request */
};

/* What a head was signed with: chunks of its body go on from there. */
struct signing {
    char timestamp[DATE_TEXT_BYTES];
    char scope[96];
    struct hmac_sha256_key key;
    char signature[64];
};

struct request_line {
    const char *method;
    const char *path;  /* of unreserved characters and "/" only, so that it stands for its own encoding */
    const char *query; /* encoded, parameters sorted by name, in small letters; "": none */
    const struct sigv4_header *headers; /* further ones, which are signed: lower case, at most REQUEST_HEADERS_MAX */
    unsigned headers_count;
    const char *unsigned_lines; /* "Range: bytes=0-9\r\n"; NULL: none */
};

/* "GET /bucket/key?X-Amz-..." valid for a day. */
void request_presigned(const struct signer *signer, const struct request_line *line, uint64_t body_bytes,
                       struct buffer *to);
/* Authorization header; `payload_hash` is 64 hex characters, UNSIGNED-PAYLOAD or STREAMING-...; Content-Length when
 * body_bytes > 0 or the method has a body. `ret_signing` NULL: nobody asks. */
void request_signed(const struct signer *signer, const struct request_line *line, struct span payload_hash,
                    uint64_t body_bytes, struct buffer *to, struct signing *ret_signing);
/* Nothing but Host and the line's own: for servers of plain files. */
void request_bare(const struct signer *signer, const struct request_line *line, struct buffer *to);
