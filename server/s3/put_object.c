/* server/s3/put_object.c -- PUT /bucket/key: everything that can be refused without the body first, then the body
 * straight into the object pipeline, then one step that makes it visible. */
#include "s3client/wire/s3_error.h"
#include "server/s3/answer.h"
#include "server/s3/body.h"
#include "server/s3/conditions.h"
#include "server/s3/object_headers.h"
#include "server/s3/operations.h"

#define OBJECT_BYTES_MAX (UINT64_C(5) << 30) /* of one PUT: "Uploading objects" in the Amazon S3 user guide */

/* What the headers say of the upload. */
struct upload_plan {
    struct body_plan body;
    struct buffer metadata;
    struct write_condition condition_storage;
    const struct write_condition *condition; /* NULL: none */
};

static bool refuse_size(struct s3_request *request, uint64_t proposed, struct error *error)
{
    error_details_add(&request->details, "ProposedSize", s3_decimal(request, proposed));
    error_details_add(&request->details, "MaxSizeAllowed", s3_decimal(request, OBJECT_BYTES_MAX));
    return error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                     "Your proposed upload exceeds the maximum allowed object size.");
}

static bool plan_body(struct s3_request *request, struct body_plan *body, struct error *error)
{
    return body_plan_make(request, true, body, error) &&
           (!body->is_size_known || body->size <= OBJECT_BYTES_MAX || refuse_size(request, body->size, error));
}

static SUSPENDS bool make_plan(struct s3_request *request, struct upload_plan *plan, struct error *error)
{
    return object_headers_refuse_unoffered(request, error) && plan_body(request, &plan->body, error) &&
           object_headers_take(request, &plan->metadata, error) &&
           s3_write_condition(request, &plan->condition_storage, &plan->condition, error) &&
           s3_check_early(request, plan->condition, error);
}

/* All original bytes have come: what follows is framing, signature and trailer, which verify them. */
static SUSPENDS bool receive_end(struct s3_request *request, struct payload_decoder *decoder, struct error *error)
{
    uint8_t framing[512];
    size_t size;
    if (!payload_read(decoder, request->exchange, framing, sizeof framing, &size, &request->details, error))
        return false;
    return size == 0 ||
           error_set(error, ERROR_INVALID, S3_IncompleteBody, "The body is longer than its announced length.");
}

/* The body, from the connection into the writer's own memory. */
static SUSPENDS bool receive(struct s3_request *request, struct payload_decoder *decoder, struct object_writer *writer,
                             struct error *error)
{
    uint64_t received = 0;
    for (;;) {
        uint8_t *space;
        size_t capacity;
        size_t size;
        if (!object_writer_space(writer, &space, &capacity, error))
            return false;
        if (capacity == 0)
            return receive_end(request, decoder, error);
        if (!payload_read(decoder, request->exchange, space, capacity, &size, &request->details, error))
            return false;
        if (size == 0)
            return true;
        received += size;
        if (received > OBJECT_BYTES_MAX)
            return refuse_size(request, received, error);
        if (!object_writer_advance(writer, size, error))
            return false;
    }
}

static SUSPENDS bool receive_and_verify(struct s3_request *request, const struct upload_plan *plan,
                                        struct object_writer *writer, struct error *error)
{
    struct object_digest digest;
    struct payload_decoder *decoder = body_decoder_create(request, &plan->body, error);
    if (decoder == NULL)
        return false;
    object_writer_hash_beside(writer, payload_decoder_lend_sum(decoder));
    bool ok = receive(request, decoder, writer, error) && object_writer_finish(writer, &digest, error) &&
              checksum_claim_verify(&plan->body.claim, decoder, digest.md5, &digest.checksum, error);
    payload_decoder_destroy(decoder);
    return ok;
}

static SUSPENDS bool store(struct s3_request *request, const struct upload_plan *plan,
                           struct object_attributes *ret_attributes, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    enum checksum_algorithm claimed = plan->body.claim.algorithm;
    struct object_writer *writer;
    struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .is_size_known = plan->body.is_size_known,
        .size = plan->body.size,
        .checksum = claimed == CHECKSUM_NONE ? CHECKSUM_CRC64NVME : claimed,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return false;
    if (!receive_and_verify(request, plan, writer, error)) {
        object_writer_abort(writer);
        return false;
    }
    return object_writer_commit(writer, buffer_span(&plan->metadata), plan->condition, ret_attributes, error) ||
           s3_explain_condition(request, plan->condition, error);
}

static SUSPENDS bool answer(struct s3_request *request, const struct object_attributes *attributes, struct error *error)
{
    s3_note_written(request, attributes);
    s3_answer_begin(request, 200);
    s3_answer_etag(request, attributes->etag);
    s3_answer_checksum(request, &attributes->checksum);
    s3_answer_version(request, attributes->version);
    return s3_answer_empty(request, error);
}

SUSPENDS bool s3_put_object(struct s3_request *request, struct error *error)
{
    struct upload_plan plan = {0};
    struct object_attributes attributes;
    buffer_init(&plan.metadata, 0);
    bool stored = make_plan(request, &plan, error) && store(request, &plan, &attributes, error);
    buffer_free(&plan.metadata);
    return stored && answer(request, &attributes, error);
}
