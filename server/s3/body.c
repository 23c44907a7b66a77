/* server/s3/body.c -- the bodies of requests: what length was promised, and documents in XML. */
#include "server/s3/body.h"

#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"

enum { PIECE_BYTES = 16 << 10 };

bool s3_refuse_size(struct s3_request *request, uint64_t proposed, uint64_t size_max, struct error *error)
{
    error_details_add(&request->details, "ProposedSize", s3_decimal(request, proposed));
    error_details_add(&request->details, "MaxSizeAllowed", s3_decimal(request, size_max));
    return error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                     "Your proposed upload exceeds the maximum allowed object size.");
}

static bool is_streamed_form(const struct s3_request *request)
{
    enum payload_kind kind = request->authentication.payload;
    return kind == PAYLOAD_STREAM_SIGNED || kind == PAYLOAD_STREAM_SIGNED_TRAILER ||
           kind == PAYLOAD_STREAM_UNSIGNED_TRAILER;
}

static bool refuse_missing_length(struct error *error, const char *header)
{
    return error_set(error, ERROR_INVALID, S3_MissingContentLength, "You must provide the %s HTTP header.", header);
}

bool s3_body_size(struct s3_request *request, uint64_t size_max, struct body_size *ret_size, struct error *error)
{
    const struct http_head *head = request->head;
    struct span decoded;
    *ret_size = (struct body_size){.is_known = head->has_content_length, .bytes = head->content_length};
    if (head->body_kind != HTTP_BODY_CHUNKED && !head->has_content_length)
        return refuse_missing_length(error, "Content-Length");
    if (is_streamed_form(request)) {
        if (!http_head_find(head, "x-amz-decoded-content-length", &decoded) ||
            !decimal_parse(decoded, &ret_size->bytes))
            return refuse_missing_length(error, "x-amz-decoded-content-length");
        ret_size->is_known = true;
    }
    return !ret_size->is_known || ret_size->bytes <= size_max ||
           s3_refuse_size(request, ret_size->bytes, size_max, error);
}

struct payload_decoder *s3_body_decoder(struct s3_request *request, const struct body_size *size,
                                        enum checksum_algorithm trailer, struct error *error)
{
    const struct payload_expectation expectation = {
        .authentication = &request->authentication,
        .has_decoded_length = is_streamed_form(request),
        .decoded_length = size->bytes,
        .trailer_checksum = trailer,
    };
    struct payload_decoder *decoder = payload_decoder_create(&expectation, request->arena);
    if (decoder == NULL)
        error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for another body at the moment.");
    return decoder;
}

/* ---- documents ---- */

struct document {
    struct xml_reader *reader;
    struct payload_decoder *decoder;
    uint64_t bytes_max;
    uint64_t size;
    struct md5_sum md5;
    struct checksum_sum checksum;
};

static bool refuse_document_size(struct error *error, uint64_t bytes_max)
{
    return error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded,
                     "Your request was too big: the document may have %llu bytes.", (unsigned long long)bytes_max);
}

static SUSPENDS bool feed(struct s3_request *request, struct document *document, struct error *error)
{
    uint8_t *piece = s3_allocate(request, PIECE_BYTES, error);
    if (piece == NULL)
        return false;
    for (;;) {
        size_t size;
        if (!payload_read(document->decoder, request->exchange, piece, PIECE_BYTES, &size, &request->details, error))
            return false;
        if (size == 0)
            return true;
        document->size += size;
        if (document->size > document->bytes_max)
            return refuse_document_size(error, document->bytes_max);
        md5_update(&document->md5, span_of(piece, size));
        checksum_update(&document->checksum, span_of(piece, size));
        if (!xml_reader_feed(document->reader, span_of(piece, size), error))
            return false;
    }
}

static bool verify(const struct document *document, const struct checksum_claim *claim, struct error *error)
{
    struct md5_sum md5 = document->md5;
    struct checksum_sum checksum = document->checksum;
    struct checksum_value computed;
    uint8_t digest[MD5_BYTES];
    md5_end(&md5, digest);
    checksum_end(&checksum, &computed);
    return checksum_claim_verify(claim, document->decoder, digest, &computed, error);
}

static SUSPENDS bool read_and_verify(struct s3_request *request, struct document *document,
                                     const struct checksum_claim *claim, bool is_optional, bool *ret_is_present,
                                     struct error *error)
{
    if (!feed(request, document, error))
        return false;
    *ret_is_present = document->size > 0;
    if (document->size == 0 && !is_optional)
        return error_set(error, ERROR_INVALID, S3_MissingRequestBodyError, "Request body is empty.");
    return (document->size == 0 || xml_reader_finish(document->reader, error)) && verify(document, claim, error);
}

/* Refusals that need no look at the body. */
static bool check_headers(struct s3_request *request, const struct document_rules *rules, struct checksum_claim *claim,
                          struct body_size *size, struct error *error)
{
    const struct http_head *head = request->head;
    if (!checksum_claim_parse(request, claim, error))
        return false;
    if (rules->needs_checksum && !claim->has_md5 && claim->algorithm == CHECKSUM_NONE)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    *size = (struct body_size){0};
    if (is_streamed_form(request) && !s3_body_size(request, UINT64_MAX, size, error))
        return false;
    if (size->bytes > rules->bytes_max || (head->has_content_length && head->content_length > 2 * rules->bytes_max))
        return refuse_document_size(error, rules->bytes_max);
    return true;
}

SUSPENDS bool s3_read_document(struct s3_request *request, const struct document_rules *rules,
                               const struct xml_handlers *handlers, void *context, bool *ret_is_present,
                               struct error *error)
{
    struct checksum_claim claim;
    struct body_size size;
    if (!check_headers(request, rules, &claim, &size, error))
        return false;
    struct document document = {.bytes_max = rules->bytes_max};
    md5_begin(&document.md5);
    checksum_begin(&document.checksum, claim.algorithm);
    document.decoder = s3_body_decoder(request, &size, claim.trailer, error);
    if (document.decoder == NULL)
        return false;
    document.reader = xml_reader_create(handlers, context);
    bool ok = read_and_verify(request, &document, &claim, rules->is_optional, ret_is_present, error);
    xml_reader_destroy(document.reader);
    payload_decoder_destroy(document.decoder);
    return ok;
}
