/* server/s3/body/object_body.c -- the body of PutObject and UploadPart: straight into the writer's memory, hashed
 * there. */
#include "server/s3/body/object_body.h"

#include "s3client/wire/s3_error.h"

static bool refuse_size(struct s3_request *request, uint64_t proposed, struct error *error)
{
    error_details_add(&request->details, "ProposedSize", s3_decimal(request, proposed));
    error_details_add(&request->details, "MaxSizeAllowed", s3_decimal(request, OBJECT_BODY_BYTES_MAX));
    return error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                     "Your proposed upload exceeds the maximum allowed object size.");
}

bool object_body_plan(struct s3_request *request, struct body_plan *ret_plan, struct error *error)
{
    return body_plan_make(request, true, ret_plan, error) &&
           (!ret_plan->is_size_known || ret_plan->size <= OBJECT_BODY_BYTES_MAX ||
            refuse_size(request, ret_plan->size, error));
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
        if (received > OBJECT_BODY_BYTES_MAX)
            return refuse_size(request, received, error);
        if (!object_writer_advance(writer, size, error))
            return false;
    }
}

SUSPENDS bool object_body_receive(struct s3_request *request, const struct body_plan *plan,
                                  struct object_writer *writer, struct object_digest *ret_digest, struct error *error)
{
    struct payload_decoder *decoder = body_decoder_create(request, plan, error);
    if (decoder == NULL)
        return false;
    object_writer_hash_beside(writer, payload_decoder_lend_sum(decoder));
    bool ok = receive(request, decoder, writer, error) && object_writer_finish(writer, ret_digest, error) &&
              checksum_claim_verify(&plan->claim, decoder, ret_digest->md5, &ret_digest->checksum, error);
    payload_decoder_destroy(decoder);
    return ok;
}
