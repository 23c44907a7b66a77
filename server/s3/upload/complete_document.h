/* server/s3/upload/complete_document.h -- what a client says when it completes an upload: the list of parts, and what
 * the whole should be. */
#pragma once

#include "server/object/object_upload.h"
#include "server/s3/request/request.h"

enum { S3_COMPLETE_DOCUMENT_BYTES_MAX = 8 << 20 }; /* 10,000 parts with checksums, generously indented */

/* The document. It lives in the request's arena. */
struct complete_document {
    struct upload_choices choices;
    unsigned unreadable;         /* the first part whose ETag or checksum cannot be one; beyond the count: none */
    struct span unreadable_etag; /* as it was sent */
};

/* MalformedXML, InvalidArgument (a part number), InvalidPartOrder. choices.count is 0 when it fails. */
SUSPENDS bool complete_document_read(struct s3_request *request, struct complete_document *ret_document,
                                     struct error *error);

/* What of the list does not fit the upload (statement 108): InvalidRequest, InvalidPart. */
bool complete_document_check(struct s3_request *request, const struct complete_document *document,
                             const struct upload_info *upload, struct error *error);

/* UploadId, PartNumber and ETag of the choice, as children of the Error. */
void complete_document_explain(struct s3_request *request, const struct complete_document *document,
                               const struct upload_info *upload, unsigned refused);

/* Headers about the whole: x-amz-mp-object-size, x-amz-checksum-type, x-amz-checksum-<algorithm>. */
struct complete_claims {
    bool has_size;
    uint64_t size;
    bool has_type;
    enum checksum_type type;
    enum checksum_algorithm algorithm; /* NONE: no value */
    struct span value;                 /* as text */
};

/* InvalidRequest. */
bool complete_claims_parse(struct s3_request *request, struct complete_claims *ret_claims, struct error *error);
/* InvalidRequest; BadDigest: the value is another one. */
bool complete_claims_verify(const struct complete_claims *claims, const struct object_attributes *whole,
                            struct error *error);
