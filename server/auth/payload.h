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

struct payload_decoder *payload_decoder_create(const struct payload_expectation *expectation, struct arena *arena);
void payload_decoder_destroy(struct payload_decoder *decoder);

/* Consumes from *input (advancing it), points *ret_original at original bytes inside the input that follow one another
 * (empty: framing only). False: IncompleteBody, InvalidChunkSizeError, SignatureDoesNotMatch, MalformedTrailerError ...
 */
bool payload_decoder_feed(struct payload_decoder *decoder, struct span *input, struct span *ret_original,
                          struct error_details *ret_details, struct error *error);
/* The wire's end was reached: everything is verified here (lengths, last chunk, trailer, SHA-256). */
bool payload_decoder_finish(struct payload_decoder *decoder, struct error_details *ret_details, struct error *error);
/* After finish: the checksum that came as a trailer, to be compared with the computed one. False: none came. */
bool payload_decoder_trailer(const struct payload_decoder *decoder, struct checksum_value *ret_value);

/* Original bytes, at most `capacity`; *ret_size 0: the end, everything verified. */
SUSPENDS bool payload_read(struct payload_decoder *decoder, struct http_exchange *exchange, void *ret_bytes,
                           size_t capacity, size_t *ret_size, struct error_details *ret_details, struct error *error);
