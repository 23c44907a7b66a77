/* server/s3/body/body.c -- the bodies of requests: what length was promised, and documents in XML. */
#include "server/s3/body/body.h"

#include "s3client/wire/s3_error.h"

enum { PIECE_BYTES = 16 << 10 };

static bool plan_length(struct s3_request *request, bool needs_length, struct body_plan *ret_plan, struct error *error)
{
    const struct http_head *head = request->head;
    const struct authentication *authentication = &request->authentication;
    struct payload_expectation *expectation = &ret_plan->expectation;
    if (needs_length && head->body_kind != HTTP_BODY_CHUNKED && !head->has_content_length)
        return error_set(error, ERROR_INVALID, S3_MissingContentLength,
                         "You must provide the Content-Length HTTP header.");
    if (!payload_expect(head, authentication, expectation, error))
        return false;
    bool is_streamed = payload_is_streamed(authentication->payload);
    ret_plan->is_size_known = is_streamed || head->has_content_length;
    ret_plan->size = is_streamed ? expectation->decoded_length : head->content_length;
    return true;
}

bool body_plan_make(struct s3_request *request, bool needs_length, struct body_plan *ret_plan, struct error *error)
{
    return plan_length(request, needs_length, ret_plan, error) &&
           checksum_claim_parse(request, ret_plan->expectation.trailer_checksum, &ret_plan->claim, error);
}

struct payload_decoder *body_decoder_create(struct s3_request *request, const struct body_plan *plan,
                                            struct error *error)
{
    struct payload_decoder *decoder = payload_decoder_create(&plan->expectation, request->arena);
    if (decoder == NULL)
        error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for another body at the moment.");
    return decoder;
}

/* ---- documents ---- */

struct document {
    struct xml_reader *reader; /* or ... */
    struct buffer *text;       /* ... where the bytes go as they are */
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
        if (document->text != NULL)
            buffer_append(document->text, span_of(piece, size));
        else if (!xml_reader_feed(document->reader, span_of(piece, size), error))
            return error->kind == ERROR_TOO_LARGE ? refuse_document_size(error, document->bytes_max) : false;
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
                                     const struct body_plan *plan, bool is_optional, bool *ret_is_present,
                                     struct error *error)
{
    if (!feed(request, document, error))
        return false;
    *ret_is_present = document->size > 0;
    if (document->size == 0 && !is_optional)
        return error_set(error, ERROR_INVALID, S3_MissingRequestBodyError, "Request body is empty.");
    if (document->size > 0 && document->reader != NULL && !xml_reader_finish(document->reader, error))
        return false;
    return verify(document, &plan->claim, error);
}

/* Refusals that need no look at the body. */
static bool check_headers(struct s3_request *request, const struct document_rules *rules, struct body_plan *plan,
                          struct error *error)
{
    bool is_planned = rules->checksum_is_objects ? plan_length(request, false, plan, error) &&
                                                       checksum_claim_parse_md5(request, &plan->claim, error)
                                                 : body_plan_make(request, false, plan, error);
    if (!is_planned)
        return false;
    if (rules->needs_checksum && !plan->claim.has_md5 && plan->claim.algorithm == CHECKSUM_NONE)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    return plan->size <= rules->bytes_max || refuse_document_size(error, rules->bytes_max);
}

/* Into the reader, or the text, of the document. */
static SUSPENDS bool read_document(struct s3_request *request, const struct document_rules *rules,
                                   struct document *document, bool *ret_is_present, struct error *error)
{
    struct body_plan plan;
    if (!check_headers(request, rules, &plan, error))
        return false;
    document->bytes_max = rules->bytes_max;
    md5_begin(&document->md5);
    checksum_begin(&document->checksum, plan.claim.algorithm);
    document->decoder = body_decoder_create(request, &plan, error);
    if (document->decoder == NULL)
        return false;
    bool ok = read_and_verify(request, document, &plan, rules->is_optional, ret_is_present, error) &&
              s3_check_same_bucket(request, error);
    payload_decoder_destroy(document->decoder);
    return ok;
}

SUSPENDS bool s3_read_document(struct s3_request *request, const struct document_rules *rules,
                               const struct xml_handlers *handlers, void *context, bool *ret_is_present,
                               struct error *error)
{
    struct document document = {.reader = xml_reader_create(handlers, context)};
    bool ok = read_document(request, rules, &document, ret_is_present, error);
    xml_reader_destroy(document.reader);
    return ok;
}

SUSPENDS bool s3_read_text(struct s3_request *request, const struct document_rules *rules, struct buffer *text,
                           struct error *error)
{
    struct document document = {.text = text};
    bool is_present;
    return read_document(request, rules, &document, &is_present, error);
}

SUSPENDS bool s3_read_tree(struct s3_request *request, const struct document_rules *rules,
                           const struct xml_element **ret_root, struct error *error)
{
    struct xml_tree tree = {.arena = request->arena};
    bool is_present;
    bool ok = s3_read_document(request, rules, &xml_tree_handlers, &tree, &is_present, error);
    *ret_root = tree.root;
    return ok;
}
