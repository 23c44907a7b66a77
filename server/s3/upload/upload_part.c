/* server/s3/upload/upload_part.c -- PUT /bucket/key?partNumber=N&uploadId=ID: a part, durable when it is answered. */
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/object_body.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/operations.h"
#include "server/s3/upload/upload_request.h"

struct part_plan {
    unsigned number;
    struct upload_info upload;
    struct body_plan body;
    struct object_encryption encryption;
};

/* Statement 107: the part's checksum is the upload's. An upload that names none takes any. */
static bool check_checksum(const struct part_plan *plan, struct error *error)
{
    enum checksum_algorithm wanted = plan->upload.checksum_algorithm;
    enum checksum_algorithm claimed = plan->body.claim.algorithm;
    if (wanted == CHECKSUM_NONE || claimed == wanted ||
        (claimed == CHECKSUM_NONE && plan->upload.checksum_type == CHECKSUM_FULL_OBJECT))
        return true;
    return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                     checksum_name(wanted), claimed == CHECKSUM_NONE ? "null" : checksum_name(claimed));
}

static SUSPENDS bool make_plan(struct s3_request *request, struct part_plan *plan, struct error *error)
{
    return upload_request_part(request, &plan->number, error) && object_body_plan(request, &plan->body, error) &&
           upload_request_find(request, &plan->upload, error) &&
           encryption_of_upload(request, &plan->upload, true, &plan->encryption, error) && check_checksum(plan, error);
}

static SUSPENDS bool store(struct s3_request *request, const struct part_plan *plan, struct part_attributes *ret_part,
                           struct error *error)
{
    const struct s3_settings *settings = request->settings;
    enum checksum_algorithm wanted = plan->upload.checksum_algorithm;
    struct object_writer *writer;
    struct object_digest digest;
    const struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .is_size_known = plan->body.is_size_known,
        .size = plan->body.size,
        .checksum = object_body_checksum(&plan->body, wanted != CHECKSUM_NONE ? wanted : CHECKSUM_CRC64NVME),
        .upload_id = span_from_string(plan->upload.id),
        .part_number = plan->number,
        .seal = plan->upload.seal,
        .customer = request->customer_key,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return false;
    if (object_body_receive(request, &plan->body, writer, &digest, error))
        return object_writer_commit_part(writer, ret_part, error);
    object_writer_abort(writer);
    return false;
}

SUSPENDS bool s3_upload_part(struct s3_request *request, struct error *error)
{
    struct part_plan plan = {0};
    struct part_attributes part;
    char etag[ETAG_TEXT_BYTES] = "";
    if (!make_plan(request, &plan, error) || !store(request, &plan, &part, error))
        return false;
    s3_note_part(request, &part);
    hex_encode(span_of(part.md5, MD5_BYTES), etag);
    s3_answer_begin(request, 200);
    s3_answer_etag(request, etag);
    s3_answer_part_checksum(request, &part.checksum);
    encryption_answer(request, &plan.encryption);
    return s3_answer_empty(request, error);
}
