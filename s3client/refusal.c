/* s3client/refusal.c -- answers that are errors: the document, and what status and code mean for the caller. */
#include "s3client/client_private.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_reader.h"

#include <stdio.h>

enum {
    MESSAGE_BYTES_MAX = 160,
    KEY_BYTES_SHOWN = 80,
    BODY_MS_MAX = 3000,
};

/* ---- the document: <Error><Code/><Message/></Error> ---- */

struct reading {
    bool is_error;
    char *code;
    struct buffer *message;
};

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    struct reading *reading = context;
    (void)error;
    if (depth == 0)
        reading->is_error = span_equal(element, SPAN("Error"));
    return reading->is_error;
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct reading *reading = context;
    (void)error;
    if (depth != 1)
        return true;
    if (span_equal(element, SPAN("Code")))
        (void)snprintf(reading->code, S3_CODE_BYTES, "%.*s", SPAN_FORMAT(text));
    else if (span_equal(element, SPAN("Message")) && reading->message != NULL)
        buffer_append(reading->message, span_take(text, MESSAGE_BYTES_MAX));
    return true;
}

static bool is_code(const char *code)
{
    for (; *code != '\0'; code++) {
        if (!http_is_token[(uint8_t)*code])
            return false;
    }
    return true;
}

bool s3_refusal_parse(struct span document, char ret_code[S3_CODE_BYTES], struct buffer *ret_message)
{
    static const struct xml_handlers handlers = {.open = open_element, .close = close_element};
    struct reading reading = {.code = ret_code, .message = ret_message};
    struct error ignored;
    ret_code[0] = '\0';
    struct xml_reader *reader = xml_reader_create(&handlers, &reading);
    bool is_whole = xml_reader_feed(reader, document, &ignored) && xml_reader_finish(reader, &ignored);
    xml_reader_destroy(reader);
    if (!is_code(ret_code))
        ret_code[0] = '\0';
    return is_whole && reading.is_error;
}

/* ---- what it means ---- */

enum s3_outcome s3_outcome_of_status(int status)
{
    switch (status) {
    case 304:
        return S3_OUTCOME_NOT_MODIFIED;
    case 404:
        return S3_OUTCOME_NOT_FOUND;
    case 409:
    case 412:
        return S3_OUTCOME_CONDITION;
    case 401:
    case 403:
        return S3_OUTCOME_DENIED;
    case 429:
    case 503:
        return S3_OUTCOME_SLOW_DOWN;
    default:
        return status < 300 ? S3_OUTCOME_OK : status < 500 ? S3_OUTCOME_REFUSED : S3_OUTCOME_FAILED;
    }
}

static enum error_kind kind_of(int status)
{
    switch (s3_outcome_of_status(status)) {
    case S3_OUTCOME_NOT_FOUND:
        return ERROR_NOT_FOUND;
    case S3_OUTCOME_NOT_MODIFIED:
    case S3_OUTCOME_CONDITION:
        return ERROR_CONFLICT;
    case S3_OUTCOME_DENIED:
        return ERROR_DENIED;
    case S3_OUTCOME_SLOW_DOWN:
    case S3_OUTCOME_FAILED:
        return status == 501 ? ERROR_UNSUPPORTED : ERROR_BUSY;
    default:
        return ERROR_INVALID;
    }
}

/* Of an answer without a document, as those to HEAD are. */
static const char *code_of_status(enum s3_kind kind, int status)
{
    switch (status) {
    case 404:
        return kind == S3_HEAD_BUCKET ? S3_NoSuchBucket : kind == S3_HEAD_OBJECT ? S3_NoSuchKey : NULL;
    case 412:
        return S3_PreconditionFailed;
    case 416:
        return S3_InvalidRange;
    case 403:
        return S3_AccessDenied;
    case 501:
        return S3_NotImplemented;
    case 503:
        return S3_ServiceUnavailable;
    default:
        return NULL;
    }
}

void s3_refusal_explain(const struct s3_call *call, struct s3_answer *answer, struct span message, struct error *error)
{
    const struct s3_error_entry *entry = answer->code[0] == '\0' ? NULL : s3_error_find(answer->code);
    const char *code =
        answer->code[0] == '\0' ? code_of_status(call->kind, answer->status) : (entry == NULL ? NULL : entry->code);
    struct span key = span_take(call->key, KEY_BYTES_SHOWN);
    bool has_id = answer->request_id[0] != '\0';
    (void)error_set(error, kind_of(answer->status), code, "%s %.*s%s%.*s: %d %s%s%.*s%s%s%s", s3_kind_name(call->kind),
                    SPAN_FORMAT(call->bucket), key.size > 0 ? "/" : "", SPAN_FORMAT(key), answer->status, answer->code,
                    message.size > 0 ? ": " : "", SPAN_FORMAT(message), has_id ? " (request " : "", answer->request_id,
                    has_id ? ")" : "");
    if (answer->status == 301 && answer->region[0] != '\0')
        (void)error_prepend(error, "the bucket is in region %s", answer->region);
}

/* ---- reading it ---- */

SUSPENDS static void read_document(struct http_client_exchange *exchange, struct buffer *document)
{
    struct error ignored;
    size_t size = 1;
    while (size > 0 && document->size < S3_ERROR_BODY_BYTES_MAX) {
        if (!buffer_reserve(document, 4096) || !http_client_read(exchange, document->data + document->size,
                                                                 document->capacity - document->size, &size, &ignored))
            return;
        document->size += size;
    }
}

SUSPENDS void s3_refusal_read(struct http_client_exchange *exchange, const struct s3_call *call,
                              struct s3_answer *answer, struct error *error)
{
    struct buffer document;
    struct buffer message;
    buffer_init(&document, S3_ERROR_BODY_BYTES_MAX + 8192);
    buffer_init(&message, MESSAGE_BYTES_MAX);
    read_document(exchange, &document);
    (void)s3_refusal_parse(buffer_span(&document), answer->code, &message);
    s3_refusal_explain(call, answer, buffer_span(&message), error);
    buffer_free(&document);
    buffer_free(&message);
}
