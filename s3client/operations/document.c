/* s3client/operations/document.c -- fetches a document and feeds it to handlers, others' turns in between. */
#include "s3client/operations/document.h"

#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/decimal.h"
#include "s3client/client_private.h"
#include "s3client/wire/uri.h"

#include <stdio.h>

enum { SLICE_BYTES = 32 << 10, ITEMS_FIRST = 64 };

/* ---- the answer ---- */

struct reading {
    const struct document_kind *kind;
    void *context;
    bool is_root_right;
};

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    struct reading *reading = context;
    if (depth > 0)
        return reading->kind->handlers.open == NULL ||
               reading->kind->handlers.open(reading->context, depth, element, error);
    reading->is_root_right = document_is(element, reading->kind->root);
    return reading->is_root_right;
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct reading *reading = context;
    return depth == 0 || reading->kind->handlers.close(reading->context, depth, element, text, error);
}

SUSPENDS static bool feed(struct xml_reader *reader, struct span document, struct error *error)
{
    while (document.size > 0) {
        struct span slice = span_take(document, SLICE_BYTES);
        if (!xml_reader_feed(reader, slice, error))
            return false;
        document = span_skip(document, slice.size);
        if (fiber_current() != NULL)
            fiber_yield_if_due();
    }
    return xml_reader_finish(reader, error);
}

/* A backend that takes its time sends blanks meanwhile. */
static struct span without_blanks(struct span document)
{
    while (document.size > 0 && strchr(" \t\r\n", document.data[0]) != NULL && document.data[0] != '\0')
        document = span_skip(document, 1);
    return document;
}

bool document_refuse(const struct s3_call *call, const char *what, struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "%s %.*s: %s in the backend's answer", s3_kind_name(call->kind),
                     SPAN_FORMAT(call->bucket), what);
}

/* A document that is not what was asked for: an error, or nothing that can be used. */
static bool explain(const struct s3_call *call, struct span document, struct s3_answer *answer, struct error *error)
{
    struct buffer message;
    buffer_init(&message, ERROR_MESSAGE_BYTES);
    if (s3_refusal_parse(document, answer->code, &message)) {
        answer->effect = S3_UNKNOWN;
        s3_refusal_explain(call, answer, buffer_span(&message), error);
        error->kind = ERROR_BUSY;
    } else if (error->kind != ERROR_TOO_LARGE) {
        (void)document_refuse(call, "no such document", error);
    }
    buffer_free(&message);
    return false;
}

SUSPENDS bool document_parse(struct span document, const struct s3_call *call, const struct document_kind *kind,
                             void *context, struct s3_answer *answer, struct error *error)
{
    static const struct xml_handlers handlers = {.open = open_element, .close = close_element};
    struct reading reading = {.kind = kind, .context = context};
    struct xml_reader *reader = xml_reader_create(&handlers, &reading);
    document = without_blanks(document);
    bool ok = feed(reader, document, error) || explain(call, document, answer, error);
    xml_reader_destroy(reader);
    return ok;
}

SUSPENDS bool document_fetch(struct s3_client *client, const struct s3_call *call, struct buffer *ret_body,
                             struct s3_answer *ret_answer, struct error *error)
{
    buffer_init(ret_body, DOCUMENT_BYTES_MAX);
    return s3_client_call_whole(client, call, ret_body, ret_answer, error);
}

/* ---- for handlers ---- */

static bool is_full(struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE, NULL, "the backend's answer is larger than the memory set aside for it");
}

bool document_copy(struct arena *arena, struct span text, struct span *ret_copy, struct error *error)
{
    *ret_copy = arena_copy(arena, text);
    return ret_copy->data != NULL || is_full(error);
}

bool document_copy_etag(struct arena *arena, struct span text, struct span *ret_copy, struct error *error)
{
    if (text.size == 0 || span_find(text, '"') != SIZE_MAX)
        return document_copy(arena, text, ret_copy, error);
    uint8_t *copy = arena_allocate(arena, text.size + 2);
    if (copy == NULL)
        return is_full(error);
    copy[0] = copy[text.size + 1] = '"';
    memcpy(copy + 1, text.data, text.size);
    *ret_copy = span_of(copy, text.size + 2);
    return true;
}

void *document_add(struct arena *arena, void *items, unsigned count, unsigned *capacity, size_t item_bytes,
                   unsigned items_max, struct error *error)
{
    if (count >= items_max) {
        (void)error_set(error, ERROR_TOO_LARGE, NULL, "the backend's answer has more than %u entries", items_max);
        return NULL;
    }
    if (count == *capacity) {
        unsigned larger = *capacity == 0 ? ITEMS_FIRST : *capacity * 2;
        void *moved = arena_allocate(arena, larger * item_bytes);
        if (moved == NULL) {
            (void)is_full(error);
            return NULL;
        }
        if (count > 0)
            memcpy(moved, items, count * item_bytes);
        items = moved;
        *capacity = larger;
    }
    memset((uint8_t *)items + count * item_bytes, 0, item_bytes);
    return items;
}

bool document_decode(struct span *text)
{
    if (text->size == 0)
        return true;
    return uri_decode_form(*text, (uint8_t *)(uintptr_t)text->data, &text->size);
}

bool document_is_true(struct span text)
{
    return span_equal_ignore_case(text, SPAN("true"));
}

/* ---- the request's side ---- */

void document_request_begin(struct document_request *request, const struct s3_call *call, enum s3_kind kind)
{
    ASSERT(call->headers_count <= S3_HEADERS_MAX && call->query_count <= S3_PARAMETERS_MAX);
    request->call = *call;
    request->call.kind = kind;
    request->call.query = request->query;
    request->call.headers = request->headers;
    if (call->query_count > 0)
        memcpy(request->query, call->query, call->query_count * sizeof *call->query);
    if (call->headers_count > 0)
        memcpy(request->headers, call->headers, call->headers_count * sizeof *call->headers);
}

void document_request_query(struct document_request *request, const char *name, struct span value)
{
    ASSERT(request->call.query_count < S3_PARAMETERS_MAX);
    request->query[request->call.query_count++] = (struct s3_parameter){span_from_string(name), value};
}

void document_request_number(struct document_request *request, const char *name, uint64_t value)
{
    size_t size = decimal_format(value, request->number);
    if (value > 0)
        document_request_query(request, name, span_of(request->number, size));
}

void document_request_header(struct document_request *request, const char *name, struct span value)
{
    ASSERT(request->call.headers_count < S3_HEADERS_MAX);
    request->headers[request->call.headers_count++] = (struct http_field){span_from_string(name), value};
}

void document_request_body(struct document_request *request, struct span document)
{
    struct md5_sum sum;
    uint8_t digest[MD5_BYTES];
    md5_begin(&sum);
    md5_update(&sum, document);
    md5_end(&sum, digest);
    base64_encode(span_of(digest, sizeof digest), request->content_md5);
    document_request_header(request, "content-md5", span_of(request->content_md5, sizeof request->content_md5));
    request->body = document;
    request->call.body = &request->body;
    request->call.body_count = 1;
}
