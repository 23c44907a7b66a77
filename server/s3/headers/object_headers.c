/* server/s3/headers/object_headers.c -- the headers that belong to an object: taken from a request, and given back. */
#include "server/s3/headers/object_headers.h"

#include "runtime/base/base64.h"
#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/request/names.h"
#include "store/storage_class.h"

/* What an object says of its content. A parameter of the request may replace it in the answer. */
static const struct content_header {
    struct span stored;    /* name in the packed list, and as looked up in a request */
    const char *answered;  /* as S3 spells it */
    const char *parameter; /* replaces it in the answer of GET and HEAD */
} content_headers[] = {
    {SPAN("content-type"), "Content-Type", "response-content-type"},
    {SPAN("cache-control"), "Cache-Control", "response-cache-control"},
    {SPAN("content-disposition"), "Content-Disposition", "response-content-disposition"},
    {SPAN("content-encoding"), "Content-Encoding", "response-content-encoding"},
    {SPAN("content-language"), "Content-Language", "response-content-language"},
    {SPAN("expires"), "Expires", "response-expires"},
};
enum { CONTENT_HEADERS_COUNT = sizeof content_headers / sizeof content_headers[0] };

#define META_PREFIX "x-amz-meta-"
#define STORAGE_CLASS "x-amz-storage-class"
#define REDIRECT_LOCATION "x-amz-website-redirect-location"

static bool append(struct buffer *to, struct span name, struct span value, struct error *error)
{
    return metadata_append(to, name, value) ||
           error_set(error, ERROR_TOO_LARGE, S3_MetadataTooLarge, "The headers of the object are too large.");
}

/* ---- in: content headers ---- */

/* Without "aws-chunked", which is how the body travelled and no property of the object. */
static struct span without_aws_chunked(struct s3_request *request, struct span value)
{
    struct buffer kept;
    buffer_init(&kept, value.size + 2);
    struct span rest = value;
    while (rest.size > 0) {
        size_t comma = span_find(rest, ',');
        struct span coding = span_trim(span_take(rest, comma));
        rest = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, comma + 1);
        if (coding.size == 0 || span_equal_ignore_case(coding, SPAN("aws-chunked")))
            continue;
        if (kept.size > 0)
            buffer_append_byte(&kept, ',');
        buffer_append(&kept, coding);
    }
    struct span result = arena_copy(request->arena, buffer_span(&kept));
    buffer_free(&kept);
    return result;
}

static bool mentions_aws_chunked(struct span value)
{
    struct span name = SPAN("aws-chunked");
    for (size_t i = 0; i + name.size <= value.size; i++)
        if (span_equal_ignore_case(span_take(span_skip(value, i), name.size), name))
            return true;
    return false;
}

static bool take_content_headers(struct s3_request *request, struct buffer *to, struct error *error)
{
    for (unsigned i = 0; i < CONTENT_HEADERS_COUNT; i++) {
        struct span name = content_headers[i].stored;
        struct span value;
        if (!http_head_find_name(request->head, name, &value))
            value = SPAN_EMPTY;
        if (i == 0 && value.size == 0)
            value = SPAN("binary/octet-stream");
        if (value.size > 0 && span_equal(name, SPAN("content-encoding")) && mentions_aws_chunked(value))
            value = without_aws_chunked(request, value);
        if (value.size > 0 && !append(to, name, value, error))
            return false;
    }
    return true;
}

/* ---- in: user metadata ---- */

/* The name behind x-amz-meta-, or empty when the header is none, or one that a client cannot set. */
static struct span user_metadata_name(const struct s3_request *request, struct span header)
{
    struct span prefix = SPAN(META_PREFIX);
    if (header.size <= prefix.size || !span_equal_ignore_case(span_take(header, prefix.size), prefix))
        return SPAN_EMPTY;
    struct span name = span_skip(header, prefix.size);
    return !request->settings->is_raw && metadata_name_is_reserved(name) ? SPAN_EMPTY : name;
}

static struct span lower_case(struct s3_request *request, struct span text, struct error *error)
{
    struct span copy = s3_copy(request, text, error);
    for (size_t i = 0; i < copy.size; i++)
        if (copy.data[i] >= 'A' && copy.data[i] <= 'Z')
            ((uint8_t *)copy.data)[i] |= 0x20;
    return copy;
}

/* The values of all headers of that name from `position` on, joined by commas in their order. */
static bool join_values(struct s3_request *request, unsigned position, struct span name, struct span first,
                        struct buffer *joined)
{
    struct span other;
    struct span value;
    buffer_append(joined, first);
    while (s3_request_next_amz_header(request, &position, &other, &value)) {
        if (span_equal_ignore_case(other, name)) {
            buffer_append_byte(joined, ',');
            buffer_append(joined, value);
        }
    }
    return !joined->overflow;
}

static bool is_taken(struct span list, struct span name)
{
    struct span value;
    return metadata_find(list, name, &value);
}

static bool take_user_metadata(struct s3_request *request, struct buffer *to, struct error *error)
{
    struct span header;
    struct span value;
    unsigned position = 0;
    while (s3_request_next_amz_header(request, &position, &header, &value)) {
        if (user_metadata_name(request, header).size == 0)
            continue;
        struct span name = lower_case(request, header, error);
        if (name.data == NULL)
            return false;
        if (is_taken(buffer_span(to), name)) /* joined when its first header came */
            continue;
        struct buffer joined;
        buffer_init(&joined, UINT16_MAX);
        bool ok = join_values(request, position, name, value, &joined) && append(to, name, buffer_span(&joined), error);
        buffer_free(&joined);
        if (!ok)
            return false;
    }
    return true;
}

static bool check_user_metadata(struct s3_request *request, struct span list, struct error *error)
{
    size_t size = metadata_user_bytes(list);
    if (size <= USER_METADATA_BYTES_MAX)
        return true;
    error_details_add(&request->details, "Size", s3_decimal(request, size));
    error_details_add(&request->details, "MaxSizeAllowed", s3_decimal(request, USER_METADATA_BYTES_MAX));
    return error_set(error, ERROR_INVALID, S3_MetadataTooLarge,
                     "Your metadata headers exceed the maximum allowed metadata size");
}

/* ---- in: where the object is put ---- */

static bool is_redirect_location(struct span location)
{
    return span_starts_with(location, SPAN("/")) || span_starts_with(location, SPAN("http://")) ||
           span_starts_with(location, SPAN("https://"));
}

bool object_headers_placement(struct s3_request *request, struct buffer *to, struct error *error)
{
    struct span value;
    if (s3_request_header(request, STORAGE_CLASS, &value) && !span_equal(value, SPAN("STANDARD"))) {
        if (storage_class_find(value) == NULL)
            return error_set(error, ERROR_INVALID, S3_InvalidStorageClass,
                             "The storage class you specified is not valid");
        if (!append(to, SPAN(STORAGE_CLASS), value, error))
            return false;
    }
    if (s3_request_header(request, REDIRECT_LOCATION, &value)) {
        if (!is_redirect_location(value))
            return error_set(error, ERROR_INVALID, S3_InvalidRedirectLocation,
                             "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.");
        if (!append(to, SPAN(REDIRECT_LOCATION), value, error))
            return false;
    }
    return true;
}

bool object_headers_take(struct s3_request *request, struct buffer *to, struct error *error)
{
    return take_content_headers(request, to, error) && object_headers_placement(request, to, error) &&
           take_user_metadata(request, to, error) && check_user_metadata(request, buffer_span(to), error);
}

bool object_headers_keep(struct s3_request *request, struct span source, struct buffer *to, struct error *error)
{
    size_t position = 0;
    struct span name;
    struct span value;
    while (metadata_next(source, &position, &name, &value)) {
        if (span_equal(name, SPAN(STORAGE_CLASS)) || span_equal(name, SPAN(REDIRECT_LOCATION)))
            continue;
        if (!append(to, name, value, error))
            return false;
    }
    return object_headers_placement(request, to, error);
}

/* ---- out ---- */

static const struct content_header *find_content_header(struct span name)
{
    for (unsigned i = 0; i < CONTENT_HEADERS_COUNT; i++)
        if (span_equal(name, content_headers[i].stored))
            return &content_headers[i];
    return NULL;
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] > 0x7f)
            return false;
    return true;
}

/* A value of user metadata beyond ASCII goes out as RFC 2047 has it: many clients cannot read any other header that has
 * one beside it (statement 353). What is no UTF-8 has no such form. */
static void answer_user_value(struct http_exchange *exchange, struct span name, struct span value)
{
    struct buffer encoded;
    if (is_ascii(value) || !utf8_is_valid(value)) {
        http_response_field_of(exchange, name, value);
        return;
    }
    buffer_init(&encoded, 0);
    buffer_append_string(&encoded, "=?UTF-8?B?");
    if (buffer_reserve(&encoded, BASE64_ENCODED_BYTES(value.size))) {
        base64_encode(value, (char *)encoded.data + encoded.size);
        encoded.size += BASE64_ENCODED_BYTES(value.size);
    }
    buffer_append_string(&encoded, "?=");
    http_response_field_of(exchange, name, buffer_span(&encoded));
    buffer_free(&encoded);
}

void object_headers_answer(struct s3_request *request, struct span metadata)
{
    struct http_exchange *exchange = request->exchange;
    struct span value;
    for (unsigned i = 0; i < CONTENT_HEADERS_COUNT; i++) {
        const struct content_header *header = &content_headers[i];
        if (request->parameters_count > 0 && s3_request_parameter(request, header->parameter, &value))
            http_response_field(exchange, header->answered, value);
        else if (metadata_find(metadata, header->stored, &value))
            http_response_field(exchange, header->answered, value);
        else if (i == 0) /* another tool's object */
            http_response_field(exchange, header->answered, SPAN("binary/octet-stream"));
    }
    size_t position = 0;
    struct span name;
    while (metadata_next(metadata, &position, &name, &value)) {
        if (find_content_header(name) == NULL)
            answer_user_value(exchange, name, value);
    }
}

void object_headers_answer_caching(struct s3_request *request, struct span metadata)
{
    struct span value;
    if (metadata_find(metadata, SPAN("cache-control"), &value))
        http_response_field(request->exchange, "Cache-Control", value);
    if (metadata_find(metadata, SPAN("expires"), &value))
        http_response_field(request->exchange, "Expires", value);
}

/* ---- what is not offered ---- */

bool object_headers_refuse_unoffered(struct s3_request *request, bool (*is_offered)(struct span name),
                                     struct error *error)
{
    static const char *const prefixes[] = {
        "x-amz-server-side-encryption",
        "x-amz-copy-source-server-side-encryption",
        "x-amz-write-offset-bytes",
    };
    unsigned position = 0;
    struct span name;
    struct span value;
    while (s3_request_next_amz_header(request, &position, &name, &value)) {
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
            struct span prefix = span_from_string(prefixes[i]);
            if (!span_equal_ignore_case(span_take(name, prefix.size), prefix) ||
                (is_offered != NULL && is_offered(name)))
                continue;
            struct span copy = lower_case(request, name, error);
            return copy.data != NULL && s3_refuse_header(request, (const char *)copy.data, error);
        }
    }
    return true;
}
