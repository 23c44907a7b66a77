/* server/s3/body.h -- the bodies of requests: what length was promised, and documents in XML, parsed as they stream. */
#pragma once

#include "s3client/wire/xml_reader.h"
#include "server/s3/checksum_headers.h"

/* The size of the original bytes as far as the headers tell it: Content-Length, or x-amz-decoded-content-length of a
 * streamed form. MissingContentLength; EntityTooLarge beyond `size_max`. */
struct body_size {
    bool is_known;
    uint64_t bytes;
};
bool s3_body_size(struct s3_request *request, uint64_t size_max, struct body_size *ret_size, struct error *error);

/* Too many bytes: EntityTooLarge with ProposedSize and MaxSizeAllowed. Returns false. */
bool s3_refuse_size(struct s3_request *request, uint64_t proposed, uint64_t size_max, struct error *error);

/* Reads the body as its signer meant it. Must be destroyed. */
struct payload_decoder *s3_body_decoder(struct s3_request *request, const struct body_size *size,
                                        enum checksum_algorithm trailer, struct error *error);

enum {
    S3_DOCUMENT_BYTES_MAX = 2 << 20,
    S3_DELETE_DOCUMENT_BYTES_MAX = 8 << 20,
};

struct document_rules {
    uint64_t bytes_max;
    bool is_optional;    /* no body at all is fine: *ret_is_present is false then */
    bool needs_checksum; /* Content-MD5 or x-amz-checksum-*, statement 103 */
};

/* The whole document through `handlers`, verified against signature and checksums before it returns true: act on it
 * only then. MissingRequestBodyError, MalformedXML, MaxMessageLengthExceeded, BadDigest ... */
SUSPENDS bool s3_read_document(struct s3_request *request, const struct document_rules *rules,
                               const struct xml_handlers *handlers, void *context, bool *ret_is_present,
                               struct error *error);
