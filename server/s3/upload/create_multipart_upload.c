/* server/s3/upload/create_multipart_upload.c -- POST /bucket/key?uploads: what the object will be, before a byte of it.
 */
#include "s3client/wire/s3_error.h"
#include "server/object/object_upload.h"
#include "server/s3/answer/answer.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/headers/locks.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/headers/object_tags.h"
#include "server/s3/operations.h"
#include "server/s3/rights/acl_request.h"

struct creation {
    struct buffer metadata;
    struct tag_list tags;
    struct object_acl acl;
    struct object_lock lock;
    enum checksum_algorithm algorithm; /* NONE: the client names none */
    enum checksum_type type;
    struct object_encryption encryption; /* headers/encryption.h */
};

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest, "%s", why);
}

static bool parse_type(struct span text, enum checksum_type *ret_type)
{
    *ret_type = span_equal_ignore_case(text, SPAN("COMPOSITE")) ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT;
    return *ret_type == CHECKSUM_COMPOSITE || span_equal_ignore_case(text, SPAN("FULL_OBJECT"));
}

/* Statement 104: which algorithm can be of the whole, and which over its parts. */
static bool fits(enum checksum_algorithm algorithm, enum checksum_type type)
{
    if (type == CHECKSUM_FULL_OBJECT)
        return checksum_can_combine(algorithm);
    return algorithm != CHECKSUM_CRC64NVME;
}

static bool plan_checksum(const struct s3_request *request, struct creation *creation, struct error *error)
{
    struct span name;
    struct span type;
    bool has_name = s3_request_header(request, "x-amz-checksum-algorithm", &name);
    bool has_type = s3_request_header(request, "x-amz-checksum-type", &type);
    if (!has_name)
        return !has_type || refuse(error, "The x-amz-checksum-type header can only be used with the "
                                          "x-amz-checksum-algorithm header.");
    creation->algorithm = checksum_from_name(name);
    if (creation->algorithm == CHECKSUM_NONE)
        return refuse(error, "Checksum algorithm provided is unsupported. Please try again with any of the valid "
                             "types: [" CHECKSUM_VALID_NAMES "]");
    creation->type = creation->algorithm == CHECKSUM_CRC64NVME ? CHECKSUM_FULL_OBJECT : CHECKSUM_COMPOSITE;
    if (has_type && !parse_type(type, &creation->type))
        return refuse(error, "Value for x-amz-checksum-type header is invalid.");
    if (fits(creation->algorithm, creation->type))
        return true;
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The %s checksum type cannot be used with the %s checksum algorithm.",
                     checksum_type_name(creation->type), checksum_name(creation->algorithm));
}

static SUSPENDS bool plan(struct s3_request *request, struct creation *creation, struct error *error)
{
    if (http_body_expected(request->exchange)) /* statement 22 */
        return refuse(error, "The request takes no body.");
    return encryption_take(request, &creation->encryption, error) && plan_checksum(request, creation, error) &&
           object_headers_take(request, &creation->metadata, error) &&
           object_acl_take(request, &creation->acl, error) && object_tags_take(request, &creation->tags, error) &&
           locks_take_headers(request, &creation->lock, error);
}

static SUSPENDS bool answer(struct s3_request *request, const struct creation *creation, const char *upload_id,
                            struct error *error)
{
    struct s3_document document;
    s3_document_open(&document, "InitiateMultipartUploadResult");
    xml_text(&document.xml, "Bucket", request->bucket);
    xml_text(&document.xml, "Key", request->key);
    xml_string(&document.xml, "UploadId", upload_id);
    s3_answer_begin(request, 200);
    s3_answer_abort(request, request->now_ms);
    encryption_answer(request, &creation->encryption);
    if (creation->algorithm != CHECKSUM_NONE) {
        http_response_field_string(request->exchange, "x-amz-checksum-algorithm", checksum_name(creation->algorithm));
        http_response_field_string(request->exchange, "x-amz-checksum-type", checksum_type_name(creation->type));
    }
    return s3_document_finish(request, &document, error);
}

SUSPENDS bool s3_create_multipart_upload(struct s3_request *request, struct error *error)
{
    struct creation creation = {.algorithm = CHECKSUM_NONE};
    char upload_id[UPLOAD_ID_BYTES];
    buffer_init(&creation.metadata, 0);
    tags_init(&creation.tags);
    bool ok = plan(request, &creation, error);
    if (ok) {
        const struct object_name name = {.bucket = request->bucket, .key = request->key};
        uint8_t seal[UPLOAD_SEAL_BYTES_MAX];
        const struct upload_intent intent = {
            .name = name,
            .seal = object_upload_seal(request->settings->codecs, request->settings->store, &name,
                                       creation.encryption.mode, request->customer_key, seal),
            .metadata = buffer_span(&creation.metadata),
            .tags = buffer_span(&creation.tags.packed),
            .initiator = s3_asker_id(request),
            .checksum_algorithm = creation.algorithm,
            .checksum_type = creation.type,
            .owner = creation.acl.owner,
            .acl = creation.acl.acl,
            .lock = creation.lock,
        };
        ok = bucket_create_upload(request->settings->store, &intent, upload_id, error);
    }
    buffer_free(&creation.metadata);
    tags_free(&creation.tags);
    return ok && answer(request, &creation, upload_id, error);
}
