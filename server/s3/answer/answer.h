/* server/s3/answer/answer.h -- answers: ids on every one, success as XML, refusals from the table of errors. */
#pragma once

#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_writer.h"
#include "server/s3/request/request.h"

/* Status line and the headers that every answer has. The operation adds its own and finishes. */
void s3_answer_begin(struct s3_request *request, int status);
/* x-amz-bucket-region: where clients that follow regions look for the bucket. */
void s3_answer_region(struct s3_request *request);
/* Ends an answer without a body. */
SUSPENDS bool s3_answer_empty(struct s3_request *request, struct error *error);

/* "ETag: "..."", quoted. Nothing when it is not known. */
void s3_answer_etag(struct s3_request *request, const char *etag);
/* x-amz-version-id of what was written: nothing for a null version (404, 408). */
void s3_answer_version(struct s3_request *request, const char *version);
/* x-amz-version-id of what was read or amended: also "null", if the bucket was ever versioned (405). */
void s3_answer_read_version(struct s3_request *request, const struct bucket_info *bucket, const char *version);
/* x-amz-copy-source-version-id, likewise of the source's bucket (421). */
void s3_answer_source_version(struct s3_request *request, const struct bucket_info *bucket, const char *version);
/* x-amz-checksum-... and x-amz-checksum-type. Nothing when there is none. */
void s3_answer_checksum(struct s3_request *request, const struct checksum_value *checksum);
/* The value alone: a part's has no type. */
void s3_answer_part_checksum(struct s3_request *request, const struct checksum_value *checksum);

/* A document: open it with its root element, write, then send it. */
struct s3_document {
    struct xml_writer xml;
    struct buffer text;
};
void s3_document_open(struct s3_document *document, const char *root);
/* The same without the namespace. */
void s3_document_open_bare(struct s3_document *document, const char *root);
/* Closes the root and answers 200 with it. The document is gone afterwards. */
SUSPENDS bool s3_document_send(struct s3_request *request, struct s3_document *document, struct error *error);
/* The same where the answer was begun already, to carry headers of its own. */
SUSPENDS bool s3_document_finish(struct s3_request *request, struct s3_document *document, struct error *error);
/* The same where the declaration and white space have been sent already, in chunks, to keep the client waiting. */
SUSPENDS bool s3_document_finish_late(struct s3_request *request, struct s3_document *document, struct error *error);
/* Not sent after all. */
void s3_document_drop(struct s3_document *document);

/* Elements that several documents share. */
void s3_document_etag(struct s3_document *document, const char *etag); /* quoted */
/* Checksum... and ChecksumType; nothing when there is none. */
void s3_document_checksum(struct s3_document *document, const struct checksum_value *checksum);
/* The value alone. */
void s3_document_part_checksum(struct s3_document *document, const struct checksum_value *checksum);
void s3_document_date(struct s3_document *document, const char *element, int64_t time_ms);
void s3_document_owner(struct s3_document *document, const struct s3_request *request, const char *owner_id);
/* ID and DisplayName, in an element that is open. */
void s3_document_account_names(struct s3_document *document, const struct s3_request *request, struct span account_id);
/* An Owner or an Initiator. */
void s3_document_account(struct s3_document *document, const struct s3_request *request, const char *element,
                         struct span account_id);

/* The refusal as XML, with the fields that its code asks for; or the connection is cut when an answer was begun. */
SUSPENDS void s3_answer_error(struct s3_request *request, const struct error *reason);

/* The refusal as a document behind white space: see s3_document_finish_late. */
SUSPENDS bool s3_answer_late_error(struct s3_request *request, const struct error *reason, struct error *error);

/* For a refusal that came before the bucket was looked at: finds it and pins its settings, as far as that goes. False:
 * it is not there. */
SUSPENDS bool s3_look_at_bucket(struct s3_request *request);

/* Which error of S3 it is (never NULL), and what a client may read of it: of a failure inside, only that there was one.
 */
const struct s3_error_entry *s3_error_entry_of(const struct error *reason);
const char *s3_error_message(const struct error *reason, const struct s3_error_entry *entry);
