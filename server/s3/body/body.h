/* server/s3/body/body.h -- the bodies of requests: what length was promised, and documents in XML, parsed as they
 * stream. */
#pragma once

#include "s3client/wire/xml_tree.h"
#include "server/s3/body/checksum_headers.h"

/* What the headers say of the body, before a byte of it is read. */
struct body_plan {
    struct payload_expectation expectation;
    struct checksum_claim claim;
    bool is_size_known; /* by Content-Length, or x-amz-decoded-content-length of a streamed form */
    uint64_t size;      /* original bytes, when known */
};

/* MissingContentLength, and what payload_expect and checksum_claim_parse refuse. `needs_length`: the body must say
 * where it ends, by a length or by chunks. */
bool body_plan_make(struct s3_request *request, bool needs_length, struct body_plan *ret_plan, struct error *error);

/* Reads the body as its signer meant it. Must be destroyed. NULL: no memory. */
struct payload_decoder *body_decoder_create(struct s3_request *request, const struct body_plan *plan,
                                            struct error *error);

enum {
    S3_DOCUMENT_BYTES_MAX = 2 << 20,
    S3_DELETE_DOCUMENT_BYTES_MAX = 8 << 20,
};

struct document_rules {
    uint64_t bytes_max;
    bool is_optional;         /* no body at all is fine: *ret_is_present is false then */
    bool needs_checksum;      /* Content-MD5 or x-amz-checksum-*, statement 103 */
    bool checksum_is_objects; /* x-amz-checksum-* is about an object, not about the document */
};

/* The whole document through `handlers`, verified against signature and checksums before it returns true: act on it
 * only then; the bucket is then still the one that the request was let into. MissingRequestBodyError, MalformedXML,
 * MaxMessageLengthExceeded, BadDigest ... */
SUSPENDS bool s3_read_document(struct s3_request *request, const struct document_rules *rules,
                               const struct xml_handlers *handlers, void *context, bool *ret_is_present,
                               struct error *error);
/* The same as a tree in the request's memory; not for optional ones. */
SUSPENDS bool s3_read_tree(struct s3_request *request, const struct document_rules *rules,
                           const struct xml_element **ret_root, struct error *error);
/* The same of a document that is not XML: its bytes are appended. */
SUSPENDS bool s3_read_text(struct s3_request *request, const struct document_rules *rules, struct buffer *text,
                           struct error *error);
