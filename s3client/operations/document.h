/* s3client/operations/document.h -- calls whose answer is an XML document: fetched whole, looked through in slices;
 * and the reading of each kind of document, apart from the fetching. */
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

/* The document through the handlers, with others' turns in between when it runs on a fiber. A document whose root is
 * <Error> is the error that it says: it goes into answer and *error. */
SUSPENDS bool document_parse(struct span document, const struct s3_call *call, const struct document_kind *kind,
                             void *context, struct s3_answer *answer, struct error *error);
/* The call, and its whole body, which the caller frees whatever is returned. */
SUSPENDS bool document_fetch(struct s3_client *client, const struct s3_call *call, struct buffer *ret_body,
                             struct s3_answer *ret_answer, struct error *error);

/* ---- each kind of document: bytes to results, for the calls and for whoever tries to break them ---- */

SUSPENDS bool document_objects(struct span document, const struct s3_call *call, struct arena *arena,
                               struct s3_list_page *ret_page, struct s3_answer *answer, struct error *error);
SUSPENDS bool document_versions(struct span document, const struct s3_call *call, struct arena *arena,
                                struct s3_versions_page *ret_page, struct s3_answer *answer, struct error *error);
SUSPENDS bool document_versioning(struct span document, const struct s3_call *call, enum s3_versioning *ret_versioning,
                                  struct s3_answer *answer, struct error *error);
SUSPENDS bool document_lock(struct span document, const struct s3_call *call, struct s3_bucket_lock *ret_lock,
                            struct s3_answer *answer, struct error *error);
SUSPENDS bool document_buckets(struct span document, const struct s3_call *call, struct arena *arena,
                               struct s3_bucket_entry **ret_buckets, unsigned *ret_count, struct s3_answer *answer,
                               struct error *error);
SUSPENDS bool document_uploads(struct span document, const struct s3_call *call, struct arena *arena,
                               struct s3_uploads_page *ret_page, struct s3_answer *answer, struct error *error);
SUSPENDS bool document_parts(struct span document, const struct s3_call *call, struct arena *arena,
                             struct s3_parts_page *ret_page, struct s3_answer *answer, struct error *error);
SUSPENDS bool document_deleted(struct span document, const struct s3_call *call, struct s3_delete_item *items,
                               unsigned count, struct s3_answer *answer, struct error *error);
SUSPENDS bool document_tags(struct span document, const struct s3_call *call, struct arena *arena,
                            struct s3_tag **ret_tags, unsigned *ret_count, struct s3_answer *answer,
                            struct error *error);
SUSPENDS bool document_lifecycle(struct span document, const struct s3_call *call, struct arena *arena,
                                 struct s3_lifecycle_rule **ret_rules, unsigned *ret_count, struct s3_answer *answer,
                                 struct error *error);
/* One element below the root, as text with a zero. */
SUSPENDS bool document_element(struct span document, const struct s3_call *call, const char *root, const char *element,
                               char *ret_text, size_t capacity, struct s3_answer *answer, struct error *error);

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
