/* s3client/operations/document.h -- calls whose answer is an XML document: fetched whole, looked through in slices. */
#pragma once

#include "s3client/operations.h"
#include "s3client/wire/xml_reader.h"
#include "s3client/wire/xml_writer.h"

enum {
    DOCUMENT_BYTES_MAX = 16 << 20,
    DOCUMENT_REQUEST_BYTES_MAX = 8 << 20,
};

/* What is expected: the root's name, and handlers for what is below it (depth 1 and more); a handler that returns false
 * has set *error, or means "not as it should be". */
struct document_kind {
    const char *root;
    struct xml_handlers handlers;
};

/* The call, and its document through the handlers. A document whose root is <Error> is the error that it says. */
SUSPENDS bool document_call(struct s3_client *client, const struct s3_call *call, const struct document_kind *kind,
                            void *context, struct s3_answer *ret_answer, struct error *error);

/* ERROR_DAMAGED: the document lacks something. Returns false. */
bool document_refuse(const struct s3_call *call, const char *what, struct error *error);

/* ---- for handlers ---- */

static inline bool document_is(struct span element, const char *name)
{
    return span_equal(element, span_from_string(name));
}

/* A copy in the arena; false with *error when it is full. */
bool document_copy(struct arena *arena, struct span text, struct span *ret_copy, struct error *error);
/* The same with quotes around it, if it has none. */
bool document_copy_etag(struct arena *arena, struct span text, struct span *ret_copy, struct error *error);
/* Room for one more item, whose memory is zeroed; NULL with *error when there are too many. */
void *document_add(struct arena *arena, void *items, unsigned count, unsigned *capacity, size_t item_bytes,
                   unsigned items_max, struct error *error);
/* Undoes encoding-type=url, where the copy lies in the arena. */
bool document_decode(struct span *text);
bool document_is_true(struct span text);

/* ---- the request's side ---- */

/* A call under construction: the caller's, with parameters, headers and a body of our own. */
struct document_request {
    struct s3_call call;
    struct s3_parameter query[S3_PARAMETERS_MAX];
    struct http_field headers[S3_HEADERS_MAX];
    struct span body;
    char content_md5[24];
    char number[20];
};

void document_request_begin(struct document_request *request, const struct s3_call *call, enum s3_kind kind);
void document_request_query(struct document_request *request, const char *name, struct span value);
/* Left out when it is 0. At most one number and one header a request: their texts lie in it. */
void document_request_number(struct document_request *request, const char *name, uint64_t value);
void document_request_header(struct document_request *request, const char *name, struct span value);
/* A document as the body, with the Content-MD5 that some operations ask for. */
void document_request_body(struct document_request *request, struct span document);
