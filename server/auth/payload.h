/* server/auth/payload.h -- a request body as its signer meant it: aws-chunked framing removed, chunk and trailer
 * signatures and the signed SHA-256 verified while it streams (sections D of the S3 behaviours).
 *
 * payload_decoder is a pure push parser over bytes: feed wire bytes, take original bytes; fuzzed. payload_read is the
 * same over http_body_read, for handlers. The last original bytes are handed out before the end is verified: whoever
 * stores them commits only after payload_read has returned size 0 (verified) -- never before. */
#pragma once

#include "server/auth/signature.h"
#include "server/http/connection.h"

struct payload_decoder;

struct payload_expectation {
    const struct authentication *authentication;
    bool has_decoded_length; /* x-amz-decoded-content-length */
    uint64_t decoded_length;
    enum checksum_algorithm trailer_checksum; /* announced in x-amz-trailer; NONE: none announced */
};

/* What the head says about the body. MissingContentLength: a streamed body without (valid) decoded length (statement
 * 78). InvalidRequest: x-amz-trailer names no checksum, or more than one (86). Whether the operation allows the form of
 * the body (91) and whether x-amz-sdk-checksum-algorithm fits (88, 90) is the caller's. */
bool payload_expect(const struct http_head *head, const struct authentication *authentication,
                    struct payload_expectation *ret_expectation, struct error *error);
/* Is the body aws-chunked? */
bool payload_is_streamed(enum payload_kind kind);

/* Lives in the arena, as do details of refusals; the authentication must live as long. NULL: the arena is full. */
struct payload_decoder *payload_decoder_create(const struct payload_expectation *expectation, struct arena *arena);
/* Wipes the key. The memory is the arena's. */
void payload_decoder_destroy(struct payload_decoder *decoder);

/* The running SHA-256 of a body that is verified as a whole; NULL for other forms. From now on the caller hashes the
 * original bytes into it, together with what else it hashes them for, and is done with it before it reads the end. */
struct sha256_sum *payload_decoder_lend_sum(struct payload_decoder *decoder);

/* Consumes from *input (advancing it), points *ret_original at original bytes inside the input that follow one another
 * (empty: framing only). Call it until the input is empty. False: IncompleteBody, InvalidChunkSizeError,
 * SignatureDoesNotMatch, MalformedTrailerError, InvalidRequest (a trailer's value); it stays false. */
bool payload_decoder_feed(struct payload_decoder *decoder, struct span *input, struct span *ret_original,
                          struct error_details *ret_details, struct error *error);
/* The wire's end was reached: everything is verified here (lengths, last chunk, trailer, SHA-256). */
bool payload_decoder_finish(struct payload_decoder *decoder, struct error_details *ret_details, struct error *error);
/* After finish: the checksum that came as a trailer, to be compared with the computed one. False: none came. */
bool payload_decoder_trailer(const struct payload_decoder *decoder, struct checksum_value *ret_value);

/* Original bytes, at most `capacity`; *ret_size 0: the end, everything verified. The bytes of the wire land in
 * `ret_bytes` and are decoded there: an unframed body is never copied, a framed one moves down over its framing. More
 * than *ret_size bytes of the memory may have been written to. */
SUSPENDS bool payload_read(struct payload_decoder *decoder, struct http_exchange *exchange, void *ret_bytes,
                           size_t capacity, size_t *ret_size, struct error_details *ret_details, struct error *error);
