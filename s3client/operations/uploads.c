/* s3client/operations/uploads.c -- uploads in parts, from CreateMultipartUpload to Complete or Abort, and copies. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "s3client/operations/document.h"
#include "s3client/wire/uri.h"

#include <stdio.h>

enum { COPY_SOURCE_BYTES_MAX = 4 << 10 };

/* ---- documents of which one element is wanted ---- */

struct wanted {
    const char *element; /* below the root */
    char *text;
    size_t capacity;
    bool is_found;
};

static bool close_of_wanted(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct wanted *wanted = context;
    (void)error;
    if (depth != 1 || !document_is(element, wanted->element))
        return true;
    if (text.size == 0 || text.size >= wanted->capacity)
        return false;
    memcpy(wanted->text, text.data, text.size);
    wanted->text[text.size] = '\0';
    wanted->is_found = true;
    return true;
}

SUSPENDS bool document_element(struct span document, const struct s3_call *call, const char *root, const char *element,
                               char *ret_text, size_t capacity, struct s3_answer *answer, struct error *error)
{
    struct wanted wanted = {.element = element, .text = ret_text, .capacity = capacity};
    struct document_kind kind = {root, {.close = close_of_wanted}};
    if (!document_parse(document, call, &kind, &wanted, answer, error))
        return false;
    return wanted.is_found || document_refuse(call, "nothing of what was asked for", error);
}

SUSPENDS static bool call_for_element(struct s3_client *client, const struct s3_call *call, const char *root,
                                      const char *element, char *ret_text, size_t capacity, struct s3_answer *answer,
                                      struct error *error)
{
    struct buffer body;
    bool ok = document_fetch(client, call, &body, answer, error) &&
              document_element(buffer_span(&body), call, root, element, ret_text, capacity, answer, error);
    buffer_free(&body);
    return ok;
}

/* An ETag in the document; it goes where one of a header would be. */
SUSPENDS static bool call_for_etag(struct s3_client *client, const struct s3_call *call, const char *root,
                                   struct s3_answer *answer, struct error *error)
{
    char text[S3_ETAG_BYTES - 2];
    if (!call_for_element(client, call, root, "ETag", text, sizeof text, answer, error))
        return false;
    bool has_quotes = strchr(text, '"') != NULL;
    (void)snprintf(answer->etag, sizeof answer->etag, has_quotes ? "%s" : "\"%s\"", text);
    return true;
}

/* ---- creating, sending, giving up ---- */

SUSPENDS bool s3_client_create_upload(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                      struct span *ret_upload_id, struct s3_answer *ret_answer, struct error *error)
{
    char id[S3_UPLOAD_ID_BYTES_MAX + 1];
    struct document_request asked;
    document_request_begin(&asked, call, S3_CREATE_UPLOAD);
    document_request_query(&asked, "uploads", SPAN_EMPTY);
    return call_for_element(client, &asked.call, "InitiateMultipartUploadResult", "UploadId", id, sizeof id, ret_answer,
                            error) &&
           document_copy(arena, span_from_string(id), ret_upload_id, error);
}

static void name_part(struct document_request *asked, struct span upload_id, unsigned number)
{
    ASSERT(number >= 1 && number <= S3_PARTS_MAX);
    document_request_number(asked, "partNumber", number);
    document_request_query(asked, "uploadId", upload_id);
}

/* Answers without a document. */
SUSPENDS static bool call_for_nothing(struct s3_client *client, const struct s3_call *call, struct s3_answer *answer,
                                      struct error *error)
{
    if (!s3_client_call(client, call, answer, error))
        return false;
    s3_answer_close(answer);
    return true;
}

SUSPENDS bool s3_client_upload_part(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                    unsigned number, struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    document_request_begin(&asked, call, S3_UPLOAD_PART);
    name_part(&asked, upload_id, number);
    if (!call_for_nothing(client, &asked.call, ret_answer, error))
        return false;
    return ret_answer->etag[0] != '\0' || document_refuse(&asked.call, "no ETag", error);
}

SUSPENDS bool s3_client_abort_upload(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                     struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    document_request_begin(&asked, call, S3_ABORT_UPLOAD);
    document_request_query(&asked, "uploadId", upload_id);
    return call_for_nothing(client, &asked.call, ret_answer, error);
}

/* ---- completing ---- */

static void write_sum(struct xml_writer *writer, const struct checksum_value *sum)
{
    char text[CHECKSUM_TEXT_BYTES];
    checksum_format(sum, text);
    xml_text(writer, checksum_element(sum->algorithm), span_from_string(text));
}

static void write_parts(struct buffer *document, const struct s3_part *parts, unsigned count)
{
    struct xml_writer writer;
    xml_begin(&writer, document);
    xml_open_root(&writer, "CompleteMultipartUpload", XML_NAMESPACE_S3);
    for (unsigned i = 0; i < count; i++) {
        xml_open(&writer, "Part");
        xml_decimal(&writer, "PartNumber", parts[i].number);
        xml_text(&writer, "ETag", parts[i].etag);
        if (parts[i].sum != NULL)
            write_sum(&writer, parts[i].sum);
        xml_close(&writer);
    }
    xml_close(&writer);
    xml_end(&writer);
}

SUSPENDS bool s3_client_complete_upload(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                        const struct s3_part *parts, unsigned parts_count, struct s3_answer *ret_answer,
                                        struct error *error)
{
    struct document_request asked;
    struct buffer document;
    ASSERT(parts_count >= 1 && parts_count <= S3_PARTS_MAX);
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    write_parts(&document, parts, parts_count);
    ASSERT(!document.overflow);
    document_request_begin(&asked, call, S3_COMPLETE_UPLOAD);
    document_request_query(&asked, "uploadId", upload_id);
    asked.body = buffer_span(&document);
    asked.call.body = &asked.body;
    asked.call.body_count = 1;
    bool ok = call_for_etag(client, &asked.call, "CompleteMultipartUploadResult", ret_answer, error);
    buffer_free(&document);
    return ok;
}

/* ---- copying on the backend's side ---- */

struct copy_texts {
    char range[2 * DECIMAL_BYTES_MAX + 16];
    struct buffer source;
};

static bool name_source(struct document_request *asked, const struct s3_copy_source *source, struct copy_texts *texts,
                        struct error *error)
{
    buffer_init(&texts->source, COPY_SOURCE_BYTES_MAX);
    buffer_append_byte(&texts->source, '/');
    uri_encode(&texts->source, source->bucket, URI_ENCODE_ALL);
    buffer_append_byte(&texts->source, '/');
    uri_encode(&texts->source, source->key, URI_ENCODE_KEEP_SLASH);
    if (source->version.size > 0) {
        buffer_append_string(&texts->source, "?versionId=");
        uri_encode(&texts->source, source->version, URI_ENCODE_ALL);
    }
    if (texts->source.overflow)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the name of the copy's source is too long");
    document_request_header(asked, "x-amz-copy-source", buffer_span(&texts->source));
    if (source->if_match.size > 0)
        document_request_header(asked, "x-amz-copy-source-if-match", source->if_match);
    if (source->has_range) {
        (void)snprintf(texts->range, sizeof texts->range, "bytes=%lu-%lu", (unsigned long)source->first,
                       (unsigned long)source->last);
        document_request_header(asked, "x-amz-copy-source-range", span_from_string(texts->range));
    }
    return true;
}

SUSPENDS bool s3_client_copy_part(struct s3_client *client, const struct s3_call *call, struct span upload_id,
                                  unsigned number, const struct s3_copy_source *source, struct s3_answer *ret_answer,
                                  struct error *error)
{
    struct document_request asked;
    struct copy_texts texts;
    *ret_answer = (struct s3_answer){0};
    document_request_begin(&asked, call, S3_COPY_PART);
    name_part(&asked, upload_id, number);
    bool ok = name_source(&asked, source, &texts, error) &&
              call_for_etag(client, &asked.call, "CopyPartResult", ret_answer, error);
    buffer_free(&texts.source);
    return ok;
}

SUSPENDS bool s3_client_copy_object(struct s3_client *client, const struct s3_call *call,
                                    const struct s3_copy_source *source, struct s3_answer *ret_answer,
                                    struct error *error)
{
    struct document_request asked;
    struct copy_texts texts;
    *ret_answer = (struct s3_answer){0};
    document_request_begin(&asked, call, S3_COPY_OBJECT);
    bool ok = name_source(&asked, source, &texts, error) &&
              call_for_etag(client, &asked.call, "CopyObjectResult", ret_answer, error);
    buffer_free(&texts.source);
    return ok;
}
