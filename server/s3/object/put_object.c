/* server/s3/object/put_object.c -- PUT /bucket/key: everything that can be refused without the body first, then the
 * body straight into the object pipeline, then one step that makes it visible. */
#include "s3client/wire/s3_error.h"
#include "server/s3/shared/answer.h"
#include "server/s3/shared/conditions.h"
#include "server/s3/shared/object_body.h"
#include "server/s3/shared/object_headers.h"
#include "server/s3/shared/operations.h"
#include "server/s3/shared/tags.h"

/* What the headers say of the upload. */
struct put_plan {
    struct body_plan body;
    struct buffer metadata;
    struct tag_list tags;
    struct write_condition condition_storage;
    const struct write_condition *condition; /* NULL: none */
};

static SUSPENDS bool make_plan(struct s3_request *request, struct put_plan *plan, struct error *error)
{
    return object_headers_refuse_unoffered(request, error) && object_body_plan(request, &plan->body, error) &&
           object_headers_take(request, &plan->metadata, error) && tags_take_header(request, &plan->tags, error) &&
           s3_write_condition(request, &plan->condition_storage, &plan->condition, error);
}

static SUSPENDS bool store(struct s3_request *request, const struct put_plan *plan,
                           struct object_attributes *ret_attributes, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    struct object_writer *writer;
    struct object_digest digest;
    struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .is_size_known = plan->body.is_size_known,
        .size = plan->body.size,
        .checksum = object_body_checksum(&plan->body, CHECKSUM_CRC64NVME),
        .metadata = buffer_span(&plan->metadata),
        .tags = buffer_span(&plan->tags.packed),
        .tags_count = plan->tags.count,
        .condition = plan->condition,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return s3_explain_condition(request, plan->condition, error);
    if (!object_body_receive(request, &plan->body, writer, &digest, error)) {
        object_writer_abort(writer);
        return false;
    }
    return object_writer_commit(writer, ret_attributes, error) || s3_explain_condition(request, plan->condition, error);
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
    struct put_plan plan = {0};
    struct object_attributes attributes;
    buffer_init(&plan.metadata, 0);
    tags_init(&plan.tags);
    bool stored = make_plan(request, &plan, error) && store(request, &plan, &attributes, error);
    buffer_free(&plan.metadata);
    tags_free(&plan.tags);
    return stored && answer(request, &attributes, error);
}
