/* server/s3/object/get_object_attributes.c -- GET /bucket/key?attributes: what is known of an object, as far as asked
 * for. */
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/operations.h"
#include "server/s3/request/missing.h"
#include "server/s3/rights/authorize.h"

#define HEADER "x-amz-object-attributes"

enum wanted_attribute {
    WANTS_ETAG = 1,
    WANTS_CHECKSUM = 2,
    WANTS_PARTS = 4,
    WANTS_STORAGE_CLASS = 8,
    WANTS_SIZE = 16,
};

struct attributes_query {
    unsigned wanted; /* enum wanted_attribute, several together */
    unsigned parts_max;
    unsigned after;
};

static bool want(struct s3_request *request, struct span name, unsigned *wanted, struct error *error)
{
    static const struct {
        const char *name;
        enum wanted_attribute attribute;
    } names[] = {
        {"ETag", WANTS_ETAG},         {"Checksum", WANTS_CHECKSUM},
        {"ObjectParts", WANTS_PARTS}, {"StorageClass", WANTS_STORAGE_CLASS},
        {"ObjectSize", WANTS_SIZE},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_equal(name, span_from_string(names[i].name))) {
            *wanted |= names[i].attribute;
            return true;
        }
    return s3_refuse_argument(request, HEADER, name, "Invalid attribute name specified.", error);
}

/* Names between commas, in one header or in several. */
static bool parse_wanted(struct s3_request *request, unsigned *wanted, struct error *error)
{
    unsigned position = 0;
    struct span header;
    struct span value;
    while (s3_request_next_amz_header(request, &position, &header, &value)) {
        if (!span_equal_ignore_case(header, SPAN(HEADER)))
            continue;
        while (value.size > 0) {
            size_t comma = span_find(value, ',');
            struct span name = span_trim(span_take(value, comma));
            value = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(value, comma + 1);
            if (!want(request, name, wanted, error))
                return false;
        }
    }
    return *wanted != 0 ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing "
                     "or empty");
}

/* The same as a header: counts are headers here. */
static bool parse_count(struct s3_request *request, const char *header, unsigned otherwise, unsigned most,
                        unsigned *ret_count, struct error *error)
{
    struct span text;
    *ret_count = otherwise;
    return !s3_request_header(request, header, &text) || s3_parse_count(request, header, text, most, ret_count, error);
}

static bool parse_query(struct s3_request *request, struct attributes_query *query, struct error *error)
{
    *query = (struct attributes_query){.wanted = 0};
    return parse_wanted(request, &query->wanted, error) &&
           parse_count(request, "x-amz-max-parts", LIST_ENTRIES_MAX, LIST_ENTRIES_MAX, &query->parts_max, error) &&
           parse_count(request, "x-amz-part-number-marker", 0, INT32_MAX, &query->after, error);
}

/* ---- the answer ---- */

static void write_part(struct s3_document *document, const struct object_part *part)
{
    xml_open(&document->xml, "Part");
    s3_document_part_checksum(document, &part->checksum);
    xml_decimal(&document->xml, "PartNumber", part->number);
    xml_decimal(&document->xml, "Size", part->original_size);
    xml_close(&document->xml);
}

/* PartsCount is what SDKs call TotalPartsCount. */
static SUSPENDS bool write_parts(struct s3_request *request, const struct attributes_query *query,
                                 const struct object_name *name, struct bucket_object *object,
                                 struct s3_document *document, struct error *error)
{
    struct object_part *parts = NULL;
    unsigned count = 0;
    bool is_truncated = false;
    if (query->parts_max > 0 &&
        !object_read_parts(request->settings->codecs, object, name, request->customer_key, query->after,
                           query->parts_max, request->arena, &parts, &count, &is_truncated, error))
        return false;
    xml_open(&document->xml, "ObjectParts");
    xml_decimal(&document->xml, "PartsCount", object->attributes.parts_count);
    xml_decimal(&document->xml, "PartNumberMarker", query->after);
    xml_decimal(&document->xml, "NextPartNumberMarker", count > 0 ? parts[count - 1].number : query->after);
    xml_decimal(&document->xml, "MaxParts", query->parts_max);
    xml_bool(&document->xml, "IsTruncated", is_truncated);
    for (unsigned i = 0; i < count; i++)
        write_part(document, &parts[i]);
    xml_close(&document->xml);
    return true;
}

/* Of a composite one AWS leaves out how many parts it is of ("-3"), here alone. */
static void write_checksum(struct s3_document *document, const struct checksum_value *checksum)
{
    struct checksum_value bare = *checksum;
    bare.type = CHECKSUM_FULL_OBJECT;
    xml_open(&document->xml, "Checksum");
    s3_document_part_checksum(document, &bare);
    xml_string(&document->xml, "ChecksumType", checksum_type_name(checksum->type));
    xml_close(&document->xml);
}

static SUSPENDS bool write_wanted(struct s3_request *request, const struct attributes_query *query,
                                  const struct object_name *name, struct bucket_object *object,
                                  struct s3_document *document, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    if ((query->wanted & WANTS_ETAG) != 0)
        xml_string(&document->xml, "ETag", attributes->etag); /* without quotes, here alone */
    if ((query->wanted & WANTS_CHECKSUM) != 0 && attributes->checksum.algorithm != CHECKSUM_NONE)
        write_checksum(document, &attributes->checksum);
    if ((query->wanted & WANTS_PARTS) != 0 && attributes->parts_count > 0 &&
        !write_parts(request, query, name, object, document, error))
        return false;
    if ((query->wanted & WANTS_STORAGE_CLASS) != 0)
        xml_text(&document->xml, "StorageClass", metadata_storage_class(attributes->metadata));
    if ((query->wanted & WANTS_SIZE) != 0)
        xml_decimal(&document->xml, "ObjectSize", attributes->original_size);
    return true;
}

static SUSPENDS bool answer(struct s3_request *request, const struct attributes_query *query,
                            const struct object_name *name, struct bucket_object *object, struct error *error)
{
    struct s3_document document;
    char date[DATE_TEXT_BYTES];
    s3_document_open(&document, "GetObjectAttributesResponse");
    if (!write_wanted(request, query, name, object, &document, error)) {
        s3_document_drop(&document);
        return false;
    }
    s3_answer_begin(request, 200);
    date_format_http(object->attributes.modified_ms, date);
    http_response_field_string(request->exchange, "Last-Modified", date);
    s3_answer_read_version(request, &request->bucket_info, object->attributes.version);
    return s3_document_finish(request, &document, error);
}

static SUSPENDS bool judge(struct s3_request *request, const struct object_name *name,
                           const struct object_attributes *attributes, struct error *error)
{
    const struct s3_target target = {.bucket = &request->access, .key = name->key, .version = name->version};
    return s3_judge_opened(request, &target, ACTION_GetObject, attributes, error) &&
           s3_judge_opened(request, &target, ACTION_GetObjectAttributes, attributes, error) &&
           encryption_prove(request, name, request->customer_key, attributes, NULL, error);
}

SUSPENDS bool s3_get_object_attributes(struct s3_request *request, struct error *error)
{
    struct attributes_query query;
    struct object_name name = {.bucket = request->bucket, .key = request->key};
    const struct open_intent intent = {.extent = OPEN_ATTRIBUTES};
    struct bucket_object *object;
    if (!encryption_take_of_read(request, error) || !parse_query(request, &query, error) ||
        !s3_request_version(request, &name.version, error) ||
        (!bucket_open(request->settings->store, &name, &intent, &object, error) &&
         !s3_explain_missing(request, &name, error)))
        return false;
    bool ok = judge(request, &name, &object->attributes, error) && answer(request, &query, &name, object, error);
    bucket_close(object);
    return ok;
}
