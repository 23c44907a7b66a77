/* s3client/wire/sigv4.h -- AWS Signature Version 4, the half that client and server share: canonical form, keys,
 * signatures.
 *
 * Source: "Authenticating Requests (AWS Signature Version 4)" and "Signature Calculations for the Authorization Header"
 * in the Amazon S3 API reference. Who may do what, clocks and errors are the server's (server/auth). */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"
#include "s3client/wire/checksum.h"

#include <stdbool.h>
#include <stdint.h>

#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"

struct sigv4_header {
    struct span name; /* any case */
    struct span value;
};

struct sigv4_request {
    struct span method;
    struct span path;  /* decoded: the bytes of "/bucket/key", encoded here exactly once */
    struct span query; /* as on the wire, without "?": '+' is a space, as in forms. X-Amz-Signature is left out */
    const struct sigv4_header *headers;
    unsigned headers_count;
    bool are_headers_in_order;  /* they are all signed, in this order, and their names are lower case: a client's own */
    struct span signed_headers; /* lower case, separated by ";", as in the request */
    struct span payload_hash;   /* the text: 64 hex, UNSIGNED-PAYLOAD, STREAMING-... */
};

/* Appends the canonical request. False when a name of signed_headers is not among the headers (*ret_missing names it),
 * or the query has more than 256 parameters or broken escapes. */
bool sigv4_canonical_request(const struct sigv4_request *request, struct buffer *to, struct span *ret_missing);

/* scope: "20130524/us-east-1/s3/aws4_request". */
void sigv4_string_to_sign(struct span timestamp, struct span scope, struct span canonical_request, struct buffer *to);

void sigv4_signing_key(struct span secret, struct span day, struct span region, struct span service,
                       uint8_t ret_key[SHA256_BYTES]);

/* 64 lower-case hex characters, no zero. */
void sigv4_signature(const uint8_t key[SHA256_BYTES], struct span string_to_sign, char ret_hex[64]);
/* The same with a key that is kept for many signatures. */
void sigv4_signature_prepared(const struct hmac_sha256_key *key, struct span string_to_sign, char ret_hex[64]);

/* The strings to sign of one chunk and of the trailer of a streamed body. */
void sigv4_chunk_string_to_sign(struct span timestamp, struct span scope, const char previous_signature[64],
                                const uint8_t chunk_hash[SHA256_BYTES], struct buffer *to);
void sigv4_trailer_string_to_sign(struct span timestamp, struct span scope, const char previous_signature[64],
                                  const uint8_t trailer_hash[SHA256_BYTES], struct buffer *to);
