/* server/s3/upload/upload_part_copy.c -- PUT /bucket/key?partNumber=N&uploadId=ID with x-amz-copy-source: original
 * bytes of another object become a part. Its frames begin elsewhere, so the bytes are decoded and framed anew. */
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/object_body.h"
#include "server/s3/headers/copy_source.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/operations.h"
#include "server/s3/upload/upload_request.h"

#define RANGE_HEADER "x-amz-copy-source-range"

struct part_copy {
    unsigned number;
    struct upload_info upload;
    struct object_encryption encryption;
    struct bucket_object *source;
    struct object_name source_name;
    uint64_t first;
    uint64_t size;
};

static bool refuse_range(struct s3_request *request, struct span header, const char *why, struct error *error)
{
    return s3_refuse_argument(request, RANGE_HEADER, header, why, error);
}

/* "bytes=first-last", both given, and nothing else. */
static bool parse_range(struct span header, uint64_t *ret_first, uint64_t *ret_last)
{
    struct span unit = SPAN("bytes=");
    if (!span_starts_with(header, unit))
        return false;
    struct span range = span_skip(header, unit.size);
    size_t dash = span_find(range, '-');
    return dash != SIZE_MAX && decimal_parse(span_take(range, dash), ret_first) &&
           decimal_parse(span_skip(range, dash + 1), ret_last) && *ret_first <= *ret_last;
}

static bool choose_bytes(struct s3_request *request, struct part_copy *copy, struct error *error)
{
    uint64_t total = copy->source->attributes.original_size;
    struct span header;
    uint64_t last;
    copy->size = total;
    if (s3_request_header(request, RANGE_HEADER, &header)) {
        if (!parse_range(header, &copy->first, &last))
            return refuse_range(request, header,
                                "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
                                "and last are the zero-based offsets of the first and last bytes to copy",
                                error);
        if (last >= total)
            return refuse_range(request, header, "Range specified is not valid for source object", error);
        copy->size = last - copy->first + 1;
    }
    return copy->size <= OBJECT_BODY_BYTES_MAX ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The specified copy source is larger than the maximum allowable size for a copy source: "
                     "5368709120");
}

static SUSPENDS bool store(struct s3_request *request, const struct part_copy *copy, struct part_attributes *ret_part,
                           struct error *error)
{
    const struct s3_settings *settings = request->settings;
    enum checksum_algorithm wanted = copy->upload.checksum_algorithm;
    struct object_writer *writer;
    struct object_digest digest;
    const struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .is_size_known = true,
        .size = copy->size,
        .checksum = wanted != CHECKSUM_NONE ? wanted : CHECKSUM_CRC64NVME,
        .upload_id = span_from_string(copy->upload.id),
        .part_number = copy->number,
        .seal = copy->upload.seal,
        .customer = request->customer_key,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return false;
    if (object_pump(settings->codecs, copy->source, &copy->source_name, request->source_key, copy->first, copy->size,
                    writer, &digest, error))
        return object_writer_commit_part(writer, ret_part, error);
    object_writer_abort(writer);
    return false;
}

static SUSPENDS bool answer(struct s3_request *request, const struct part_attributes *part,
                            const struct object_encryption *encryption, const struct copy_source *source,
                            const char *source_version, struct error *error)
{
    struct s3_document document;
    char etag[ETAG_TEXT_BYTES] = "";
    hex_encode(span_of(part->md5, MD5_BYTES), etag);
    s3_note_part(request, part);
    s3_document_open(&document, "CopyPartResult");
    s3_document_date(&document, "LastModified", request->now_ms);
    s3_document_etag(&document, etag);
    s3_document_part_checksum(&document, &part->checksum);
    s3_answer_begin(request, 200);
    s3_answer_source_version(request, &source->bucket_info, source_version);
    encryption_answer(request, encryption);
    return s3_document_finish(request, &document, error);
}

/* One look at the source. ERROR_CHANGED: it was replaced in the middle, and nothing was written. */
static SUSPENDS bool copy_once(struct s3_request *request, struct part_copy *copy, struct part_attributes *ret_part,
                               struct copy_source *ret_source, char ret_version[VERSION_TEXT_BYTES],
                               struct error *error)
{
    if (!copy_source_open(request, ret_source, &copy->source, error))
        return false;
    copy->source_name = ret_source->name;
    memcpy(ret_version, copy->source->attributes.version, VERSION_TEXT_BYTES);
    bool ok = copy_source_check(request, &copy->source->attributes, error) && choose_bytes(request, copy, error) &&
              store(request, copy, ret_part, error);
    bucket_close(copy->source);
    return ok;
}

SUSPENDS bool s3_upload_part_copy(struct s3_request *request, struct error *error)
{
    struct part_copy copy = {0};
    struct part_attributes part;
    struct copy_source source;
    char version[VERSION_TEXT_BYTES];
    if (!upload_request_part(request, &copy.number, error) || !upload_request_find(request, &copy.upload, error) ||
        !encryption_of_upload(request, &copy.upload, true, &copy.encryption, error))
        return false;
    for (unsigned looks = 1; !copy_once(request, &copy, &part, &source, version, error); looks++) {
        if (looks == COPY_LOOKS_MAX || error->kind != ERROR_CHANGED)
            return false;
    }
    return answer(request, &part, &copy.encryption, &source, version, error);
}
