/* server/s3/object/put_object.c -- PUT /bucket/key: everything that can be refused without the body first, then the
 * body. What it shares with forms is in object_put.c. */
#include "server/s3/answer/answer.h"
#include "server/s3/body/object_body.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/headers/locks.h"
#include "server/s3/object/object_put.h"
#include "server/s3/operations.h"

static SUSPENDS bool receive(struct s3_request *request, void *context, struct object_writer *writer,
                             struct object_digest *ret_digest, struct error *error)
{
    return object_body_receive(request, context, writer, ret_digest, error);
}

static SUSPENDS bool put_object(struct s3_request *request, struct object_put *put,
                                struct object_attributes *ret_attributes, struct error *error)
{
    struct body_plan body;
    if (!encryption_take(request, &put->encryption, error) || !object_body_plan(request, &body, error) ||
        !object_put_take(request, put, error) || !locks_need_checksum(request, &put->lock, error))
        return false;
    const struct object_source source = {
        .is_size_known = body.is_size_known,
        .size = body.size,
        .checksum = object_body_checksum(&body, CHECKSUM_CRC64NVME),
        .receive = receive,
        .context = &body,
    };
    return object_put_store(request, put, &source, ret_attributes, error);
}

static SUSPENDS bool answer(struct s3_request *request, const struct object_put *put,
                            const struct object_attributes *attributes, struct error *error)
{
    s3_answer_begin(request, 200);
    object_put_answer(request, put, attributes);
    return s3_answer_empty(request, error);
}

SUSPENDS bool s3_put_object(struct s3_request *request, struct error *error)
{
    struct object_put put;
    struct object_attributes attributes;
    object_put_init(&put);
    bool ok = put_object(request, &put, &attributes, error) && answer(request, &put, &attributes, error);
    object_put_free(&put);
    return ok;
}
