/* server/s3/object/object_put.c -- an object from one body: headers first, then the body straight into the object
 * pipeline, then one step that makes it visible. */
#include "server/s3/object/object_put.h"

#include "server/s3/answer/answer.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/headers/locks.h"
#include "server/s3/request/conditions.h"

void object_put_init(struct object_put *put)
{
    *put = (struct object_put){0};
    buffer_init(&put->metadata, 0);
    tags_init(&put->tags);
}

void object_put_free(struct object_put *put)
{
    buffer_free(&put->metadata);
    tags_free(&put->tags);
}

SUSPENDS bool object_put_take(struct s3_request *request, struct object_put *put, struct error *error)
{
    return object_headers_take(request, &put->metadata, error) && object_acl_take(request, &put->acl, error) &&
           object_tags_take(request, &put->tags, error) && locks_take_headers(request, &put->lock, error) &&
           s3_write_condition(request, &put->condition_storage, &put->condition, error);
}

SUSPENDS bool object_put_store(struct s3_request *request, const struct object_put *put,
                               const struct object_source *source, struct object_attributes *ret_attributes,
                               struct error *error)
{
    const struct s3_settings *settings = request->settings;
    struct object_writer *writer;
    struct object_digest digest;
    struct object_acl acl = put->acl;
    struct object_write_intent intent = {
        .name = {.bucket = request->bucket, .key = request->key},
        .creation_id = request->bucket_info.creation_id,
        .is_size_known = source->is_size_known,
        .size = source->size,
        .checksum = source->checksum,
        .metadata = buffer_span(&put->metadata),
        .tags = buffer_span(&put->tags.packed),
        .tags_count = put->tags.count,
        .condition = put->condition,
        .owner = acl.owner,
        .acl = acl.acl,
        .lock = put->lock,
        .is_sealed = put->encryption.mode != SEAL_PLAIN,
        .customer = request->customer_key,
    };
    if (!object_writer_begin(settings->codecs, settings->store, &intent, &writer, error))
        return s3_explain_condition(request, put->condition, error);
    if (!source->receive(request, source->context, writer, &digest, error) ||
        !object_acl_settle(request, &acl, error)) {
        object_writer_abort(writer);
        return false;
    }
    object_writer_set_owner(writer, acl.owner, acl.acl);
    return object_writer_commit(writer, ret_attributes, error) || s3_explain_condition(request, put->condition, error);
}

SUSPENDS void object_put_answer(struct s3_request *request, const struct object_put *put,
                                const struct object_attributes *attributes)
{
    struct span tags = buffer_span(&put->tags.packed);
    s3_note_written(request, attributes);
    s3_answer_etag(request, attributes->etag);
    s3_answer_checksum(request, &attributes->checksum);
    s3_answer_version(request, attributes->version);
    encryption_answer(request, &put->encryption);
    s3_answer_expiration(request, attributes, &tags);
}
