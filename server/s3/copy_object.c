/* server/s3/copy_object.c -- PUT /bucket/key with x-amz-copy-source: another name for the same bytes.
 *
 * The stored bytes are copied as they are. Only when the copy needs a hash that the source has not (the MD5 of what was
 * uploaded in parts, another checksum) they are read and written like a new object. */
#include "s3client/wire/s3_error.h"
#include "server/s3/answer.h"
#include "server/s3/conditions.h"
#include "server/s3/copy_source.h"
#include "server/s3/object_headers.h"
#include "server/s3/operations.h"

#define SOURCE_BYTES_MAX (UINT64_C(5) << 30)

struct copy_plan {
    struct bucket_object *source;
    bool replaces_metadata;
    enum checksum_algorithm checksum; /* asked for; NONE: keep the source's */
    struct buffer metadata;
    struct write_condition condition_storage;
    const struct write_condition *condition;
};

/* ---- what is asked for ---- */

/* COPY (the default) or REPLACE. */
static bool parse_directive(struct s3_request *request, const char *header, bool *ret_replaces, struct error *error)
{
    struct span value;
    *ret_replaces = false;
    if (!s3_request_header(request, header, &value) || span_equal(value, SPAN("COPY")))
        return true;
    *ret_replaces = span_equal(value, SPAN("REPLACE"));
    return *ret_replaces || s3_refuse_argument(request, header, value, "Unknown directive: COPY or REPLACE.", error);
}

static bool parse_checksum(struct s3_request *request, enum checksum_algorithm *ret_algorithm, struct error *error)
{
    struct span name;
    *ret_algorithm = CHECKSUM_NONE;
    if (!s3_request_header(request, "x-amz-checksum-algorithm", &name))
        return true;
    *ret_algorithm = checksum_from_name(name);
    return *ret_algorithm != CHECKSUM_NONE ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
                     "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
}

static bool changes_nothing(const struct s3_request *request, const struct copy_plan *plan,
                            const struct object_name *source)
{
    struct span value;
    bool is_itself = span_equal(source->bucket, request->bucket) && span_equal(source->key, request->key);
    return is_itself && source->version.size == 0 && !plan->replaces_metadata && plan->checksum == CHECKSUM_NONE &&
           !s3_request_header(request, "x-amz-storage-class", &value) &&
           !s3_request_header(request, "x-amz-website-redirect-location", &value);
}

static bool check_source(const struct object_attributes *attributes, struct error *error)
{
    if (attributes->is_encrypted || !attributes->is_size_known)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "The source was written by another tool in a form that Bale cannot read yet.");
    if (attributes->original_size > SOURCE_BYTES_MAX)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The specified copy source is larger than the maximum allowable size for a copy source: "
                         "5368709120");
    return true;
}

static bool plan_target(struct s3_request *request, struct copy_plan *plan, struct error *error)
{
    bool ignored;
    return object_headers_refuse_unoffered(request, error) &&
           parse_directive(request, "x-amz-metadata-directive", &plan->replaces_metadata, error) &&
           parse_directive(request, "x-amz-tagging-directive", &ignored, error) &&
           parse_checksum(request, &plan->checksum, error) &&
           s3_write_condition(request, &plan->condition_storage, &plan->condition, error);
}

static bool plan_metadata(struct s3_request *request, struct copy_plan *plan, struct error *error)
{
    if (plan->replaces_metadata)
        return object_headers_take(request, &plan->metadata, error);
    return object_headers_keep(request, plan->source->attributes.metadata, &plan->metadata, error);
}

/* ---- the two ways to copy ---- */

static bool needs_the_bytes(const struct copy_plan *plan)
{
    const struct object_attributes *source = &plan->source->attributes;
    return source->is_multipart || source->etag[0] == 0 ||
           (plan->checksum != CHECKSUM_NONE && plan->checksum != source->checksum.algorithm);
}

static SUSPENDS bool copy_stored(struct s3_request *request, const struct copy_plan *plan,
                                 struct object_attributes *ret_attributes, struct error *error)
{
    struct object_attributes attributes = plan->source->attributes;
    const struct object_name target = {.bucket = request->bucket, .key = request->key};
    attributes.metadata = buffer_span(&plan->metadata);
    attributes.tags_count = 0;
    const struct write_result result = {.attributes = &attributes, .condition = plan->condition};
    return bucket_copy(plan->source, &target, &result, ret_attributes, error);
}

static SUSPENDS bool put_piece(struct object_writer *writer, struct span piece, struct error *error)
{
    while (piece.size > 0) {
        uint8_t *space;
        size_t capacity;
        if (!object_writer_space(writer, &space, &capacity, error))
            return false;
        struct span taken = span_take(piece, capacity);
        memcpy(space, taken.data, taken.size);
        if (!object_writer_advance(writer, taken.size, error))
            return false;
        piece = span_skip(piece, taken.size);
    }
    return true;
}

static SUSPENDS bool pump(struct object_reader *reader, struct object_writer *writer, struct error *error)
{
    struct span piece;
    do {
        if (!object_reader_next(reader, &piece, error) || !put_piece(writer, piece, error))
            return false;
    } while (piece.size > 0);
    return true;
}

static SUSPENDS bool pump_all(struct s3_request *request, const struct copy_plan *plan, struct object_writer *writer,
                              struct error *error)
{
    struct object_reader *reader;
    struct object_digest digest;
    uint64_t size = plan->source->attributes.original_size;
    if (!object_reader_begin(request->settings->codecs, plan->source, 0, size, &reader, error))
        return false;
    bool ok = pump(reader, writer, error);
    object_reader_end(reader);
    if (!ok || !object_writer_finish(writer, &digest, error))
        return false;
    return digest.size == size ||
           error_set(error, ERROR_DAMAGED, S3_InternalError, "the source is shorter than its size says");
}

static SUSPENDS bool copy_original(struct s3_request *request, const struct copy_plan *plan,
                                   struct object_attributes *ret_attributes, struct error *error)
{
    const struct object_attributes *source = &plan->source->attributes;
    const struct s3_settings *settings = request->settings;
    enum checksum_algorithm kept =
        source->checksum.algorithm != CHECKSUM_NONE ? source->checksum.algorithm : CHECKSUM_CRC64NVME;
    struct object_writer *writer;
    struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .is_size_known = true,
        .size = source->original_size,
        .checksum = plan->checksum != CHECKSUM_NONE ? plan->checksum : kept,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return false;
    if (!pump_all(request, plan, writer, error)) {
        object_writer_abort(writer);
        return false;
    }
    return object_writer_commit(writer, buffer_span(&plan->metadata), plan->condition, ret_attributes, error);
}

static SUSPENDS bool copy(struct s3_request *request, struct copy_plan *plan, struct object_attributes *ret_attributes,
                          struct error *error)
{
    if (!check_source(&plan->source->attributes, error) || !plan_metadata(request, plan, error))
        return false;
    bool copied = needs_the_bytes(plan) ? copy_original(request, plan, ret_attributes, error)
                                        : copy_stored(request, plan, ret_attributes, error);
    return copied || s3_explain_condition(request, plan->condition, error);
}

/* ---- the operation ---- */

static SUSPENDS bool answer(struct s3_request *request, const struct object_attributes *attributes,
                            const char *source_version, struct error *error)
{
    struct s3_document document;
    s3_note_written(request, attributes);
    s3_document_open(&document, "CopyObjectResult");
    s3_document_date(&document, "LastModified", attributes->modified_ms);
    s3_document_etag(&document, attributes->etag);
    s3_document_checksum(&document, &attributes->checksum);
    s3_answer_begin(request, 200);
    s3_answer_version(request, attributes->version);
    if (source_version[0] != 0 && strcmp(source_version, "null") != 0)
        http_response_field_string(request->exchange, "x-amz-copy-source-version-id", source_version);
    return s3_document_finish(request, &document, error);
}

SUSPENDS bool s3_copy_object(struct s3_request *request, struct error *error)
{
    struct copy_plan plan = {0};
    struct copy_source source;
    struct object_attributes attributes;
    if (!plan_target(request, &plan, error) || !copy_source_open(request, &source, &plan.source, error))
        return false;
    buffer_init(&plan.metadata, 0);
    bool ok = changes_nothing(request, &plan, &source.name)
                  ? error_set(error, ERROR_INVALID, S3_InvalidRequest,
                              "This copy request is illegal because it is trying to copy an object to itself without "
                              "changing the object's metadata, storage class, website redirect location or encryption "
                              "attributes.")
                  : copy(request, &plan, &attributes, error);
    char version[VERSION_TEXT_BYTES];
    memcpy(version, plan.source->attributes.version, sizeof version);
    buffer_free(&plan.metadata);
    bucket_close(plan.source);
    return ok && answer(request, &attributes, version, error);
}
