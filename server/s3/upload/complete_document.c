/* server/s3/upload/complete_document.c -- the list of parts as it streams, part by part, and the claims in the headers.
 */
#include "server/s3/upload/complete_document.h"

#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/body/body.h"

enum { ETAG_SHOWN_BYTES_MAX = 128 };

/* ---- the document ---- */

/* The document as it is read; the part that is open is the last one. */
struct reading {
    struct s3_request *request;
    struct complete_document *document;
    struct upload_choices *choices;
    bool has_number;
    bool has_etag;
    bool is_readable;
    uint8_t etag[ETAG_SHOWN_BYTES_MAX]; /* of the part that is open, as it was sent */
    size_t etag_bytes;
};

static bool refuse_document(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML,
                     "The XML you provided was not well-formed or did not validate against our published schema: %s.",
                     why);
}

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    struct reading *reading = context;
    struct upload_choices *choices = reading->choices;
    if (depth == 0)
        return span_equal(element, SPAN("CompleteMultipartUpload")) ||
               refuse_document(error, "the root is not CompleteMultipartUpload");
    if (depth != 1)
        return true;
    if (!span_equal(element, SPAN("Part")))
        return refuse_document(error, "there is something else than parts");
    if (choices->count == PART_NUMBER_MAX)
        return refuse_document(error, "more than 10000 parts");
    choices->parts[choices->count] = (struct part_choice){.number = 0};
    choices->checksums[choices->count] = (struct checksum_value){.algorithm = CHECKSUM_NONE};
    choices->count++;
    reading->has_number = reading->has_etag = false;
    reading->is_readable = true;
    return true;
}

static bool close_number(struct reading *reading, struct span text, struct error *error)
{
    uint64_t number;
    bool is_negative = text.size > 0 && text.data[0] == '-';
    struct span digits = is_negative ? span_skip(text, 1) : text;
    if (!decimal_parse(digits, &number))
        return refuse_document(error, "a part number is not a number");
    if (is_negative || number < 1 || number > PART_NUMBER_MAX)
        return s3_refuse_argument(reading->request, "PartNumber", s3_copy(reading->request, text, error),
                                  "PartNumber must be between 1 and 10000", error);
    reading->choices->parts[reading->choices->count - 1].number = (unsigned)number;
    reading->has_number = true;
    return true;
}

static struct span without_quotes(struct span text)
{
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        return span_of(text.data + 1, text.size - 2);
    return text;
}

/* The algorithm of "ChecksumCRC32" and the like; NONE: some other element. */
static enum checksum_algorithm algorithm_of(struct span element)
{
    struct span prefix = SPAN("Checksum");
    return span_starts_with(element, prefix) ? checksum_from_name(span_skip(element, prefix.size)) : CHECKSUM_NONE;
}

static bool close_etag(struct reading *reading, struct span text)
{
    struct span shown = span_take(text, sizeof reading->etag);
    reading->has_etag = true;
    reading->etag_bytes = shown.size;
    if (shown.size > 0)
        memcpy(reading->etag, shown.data, shown.size);
    struct part_choice *part = &reading->choices->parts[reading->choices->count - 1];
    reading->is_readable = hex_decode(text, part->md5, MD5_BYTES) && reading->is_readable;
    return true;
}

static bool close_field(struct reading *reading, struct span element, struct span text, struct error *error)
{
    struct upload_choices *choices = reading->choices;
    if (span_equal(element, SPAN("PartNumber")))
        return close_number(reading, text, error);
    if (span_equal(element, SPAN("ETag")))
        return close_etag(reading, without_quotes(text));
    enum checksum_algorithm algorithm = algorithm_of(element);
    if (algorithm != CHECKSUM_NONE && text.size > 0)
        reading->is_readable =
            checksum_parse(algorithm, text, &choices->checksums[choices->count - 1]) && reading->is_readable;
    return true;
}

static struct span trim(struct span text)
{
    while (text.size > 0 && text.data[0] <= ' ')
        text = span_skip(text, 1);
    while (text.size > 0 && text.data[text.size - 1] <= ' ')
        text.size--;
    return text;
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct reading *reading = context;
    struct complete_document *document = reading->document;
    if (depth == 2)
        return close_field(reading, element, trim(text), error);
    if (depth != 1)
        return true;
    if (!reading->has_number || !reading->has_etag)
        return refuse_document(error, "a part has no number, or no ETag");
    if (reading->is_readable || document->unreadable != UINT32_MAX)
        return true;
    document->unreadable = reading->choices->count - 1;
    document->unreadable_etag = arena_copy(reading->request->arena, span_of(reading->etag, reading->etag_bytes));
    return true;
}

/* Order is looked at only when the whole list is known to be well-formed. */
static bool check_order(const struct upload_choices *choices, struct error *error)
{
    if (choices->count == 0)
        return refuse_document(error, "it names no part");
    for (unsigned i = 1; i < choices->count; i++)
        if (choices->parts[i].number <= choices->parts[i - 1].number)
            return error_set(error, ERROR_INVALID, S3_InvalidPartOrder,
                             "The list of parts was not in ascending order. Parts must be ordered by part number.");
    return true;
}

SUSPENDS bool complete_document_read(struct s3_request *request, struct complete_document *ret_document,
                                     struct error *error)
{
    static const struct xml_handlers handlers = {.open = open_element, .close = close_element};
    static const struct document_rules rules = {.bytes_max = S3_COMPLETE_DOCUMENT_BYTES_MAX,
                                                .is_optional = true, /* none names no part, as an empty one */
                                                .checksum_is_objects = true};
    struct upload_choices choices = {.count = 0};
    struct reading reading = {.request = request, .document = ret_document, .choices = &choices};
    bool is_present;
    *ret_document = (struct complete_document){.unreadable = UINT32_MAX};
    choices.parts = s3_allocate(request, PART_NUMBER_MAX * sizeof *choices.parts, error);
    choices.checksums = s3_allocate(request, PART_NUMBER_MAX * sizeof *choices.checksums, error);
    if (choices.parts == NULL || choices.checksums == NULL ||
        !s3_read_document(request, &rules, &handlers, &reading, &is_present, error) || !check_order(&choices, error))
        return false;
    ret_document->choices = choices;
    return true;
}

/* ---- does the list fit the upload? ---- */

void complete_document_explain(struct s3_request *request, const struct complete_document *document,
                               const struct upload_info *upload, unsigned refused)
{
    char hex[2 * MD5_BYTES];
    const struct part_choice *part = &document->choices.parts[refused];
    struct span etag = document->unreadable_etag;
    if (refused != document->unreadable) {
        hex_encode(span_of(part->md5, MD5_BYTES), hex);
        etag = arena_copy(request->arena, span_of(hex, sizeof hex));
    }
    error_details_add(&request->details, "UploadId", arena_copy(request->arena, span_from_string(upload->id)));
    error_details_add(&request->details, "PartNumber", s3_decimal(request, part->number));
    error_details_add(&request->details, "ETag", etag);
}

bool complete_document_check(struct s3_request *request, const struct complete_document *document,
                             const struct upload_info *upload, struct error *error)
{
    const struct upload_choices *choices = &document->choices;
    bool needs_checksums = upload->checksum_algorithm != CHECKSUM_NONE && upload->checksum_type == CHECKSUM_COMPOSITE;
    if (document->unreadable < choices->count) {
        complete_document_explain(request, document, upload, document->unreadable);
        return error_set(error, ERROR_INVALID, S3_InvalidPart,
                         "One or more of the specified parts could not be found. The part's entity tag or checksum "
                         "cannot be one.");
    }
    for (unsigned i = 0; needs_checksums && i < choices->count; i++)
        if (choices->checksums[i].algorithm != upload->checksum_algorithm)
            return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                             "The upload was created using a %s checksum. The complete request must include the "
                             "checksum for each part. It was missing for part %u in the request.",
                             checksum_name(upload->checksum_algorithm), choices->parts[i].number);
    return true;
}

/* ---- claims about the whole ---- */

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest, "%s", why);
}

static bool parse_value(struct s3_request *request, struct complete_claims *claims, struct error *error)
{
    for (int i = CHECKSUM_NONE + 1; i < CHECKSUM_ALGORITHMS; i++) {
        struct span value;
        if (!http_head_find(request->head, checksum_header((enum checksum_algorithm)i), &value))
            continue;
        if (claims->algorithm != CHECKSUM_NONE)
            return refuse(error, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
        claims->algorithm = (enum checksum_algorithm)i;
        claims->value = value;
        struct checksum_value ignored;
        struct span base64 = span_take(value, span_find(value, '-'));
        if (!checksum_parse(claims->algorithm, base64, &ignored))
            return error_set(error, ERROR_INVALID, S3_InvalidRequest, "Value for %s header is invalid.",
                             checksum_header(claims->algorithm));
    }
    return true;
}

bool complete_claims_parse(struct s3_request *request, struct complete_claims *ret_claims, struct error *error)
{
    struct span text;
    *ret_claims = (struct complete_claims){.algorithm = CHECKSUM_NONE};
    ret_claims->has_size = s3_request_header(request, "x-amz-mp-object-size", &text);
    if (ret_claims->has_size && !decimal_parse(text, &ret_claims->size))
        return refuse(error, "Value for x-amz-mp-object-size header is invalid.");
    ret_claims->has_type = s3_request_header(request, "x-amz-checksum-type", &text);
    if (ret_claims->has_type) {
        bool is_composite = span_equal_ignore_case(text, SPAN("COMPOSITE"));
        if (!is_composite && !span_equal_ignore_case(text, SPAN("FULL_OBJECT")))
            return refuse(error, "Value for x-amz-checksum-type header is invalid.");
        ret_claims->type = is_composite ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT;
    }
    return parse_value(request, ret_claims, error);
}

/* "-N" behind a composite value may be left out. */
static bool is_value(struct span claimed, const struct checksum_value *value)
{
    char text[CHECKSUM_TEXT_BYTES];
    checksum_format(value, text);
    struct span whole = span_from_string(text);
    return span_equal(claimed, whole) || span_equal(claimed, span_take(whole, span_find(whole, '-')));
}

static bool verify_value(const struct complete_claims *claims, const struct object_attributes *whole,
                         struct error *error)
{
    struct checksum_value value = whole->checksum;
    if (claims->algorithm == CHECKSUM_NONE)
        return true;
    if (claims->algorithm != value.algorithm && claims->algorithm == CHECKSUM_CRC32C) {
        value = (struct checksum_value){.algorithm = CHECKSUM_CRC32C}; /* is always known */
        store_u32_be(value.bytes, whole->crc32c);
    }
    if (claims->algorithm != value.algorithm)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The %s checksum of the request is of another algorithm than the upload's, %s.",
                         checksum_name(claims->algorithm), checksum_name(value.algorithm));
    return is_value(claims->value, &value) ||
           error_set(error, ERROR_INVALID, S3_BadDigest, "The %s you specified did not match the calculated checksum.",
                     checksum_name(claims->algorithm));
}

bool complete_claims_verify(const struct complete_claims *claims, const struct object_attributes *whole,
                            struct error *error)
{
    if (claims->has_size && claims->size != whole->original_size)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The provided 'x-amz-mp-object-size' header value %llu does not match what was computed: %llu",
                         (unsigned long long)claims->size, (unsigned long long)whole->original_size);
    if (claims->has_type && claims->type != whole->checksum.type)
        return refuse(error, "The x-amz-checksum-type of the request is not the one that the upload was created with.");
    return verify_value(claims, whole, error);
}
