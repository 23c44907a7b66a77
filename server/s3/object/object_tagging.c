/* server/s3/object/object_tagging.c -- GET, PUT and DELETE /bucket/key?tagging. Tags change neither ETag nor time. */
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/operations.h"
#include "server/s3/request/missing.h"
#include "server/s3/rights/authorize.h"
#include "server/s3/settings/tags.h"

static bool name_object(struct s3_request *request, struct object_name *ret_name, struct error *error)
{
    *ret_name = (struct object_name){.bucket = request->bucket, .key = request->key};
    return s3_request_version(request, &ret_name->version, error);
}

SUSPENDS bool s3_get_object_tagging(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct buffer packed;
    char version[VERSION_TEXT_BYTES];
    if (!name_object(request, &name, error))
        return false;
    buffer_init(&packed, 0);
    bool ok = bucket_read_tags(request->settings->store, &name, &packed, version, error);
    if (ok) {
        struct s3_document document;
        s3_document_open(&document, "Tagging");
        tags_write(&document.xml, buffer_span(&packed));
        s3_answer_begin(request, 200);
        s3_answer_read_version(request, &request->bucket_info, version);
        ok = s3_document_finish(request, &document, error);
    } else {
        (void)s3_explain_missing(request, &name, error);
    }
    buffer_free(&packed);
    return ok;
}

/* A decision that was about the object is about the one that is there now, after the body: that one's version is
 * written to, where the bucket keeps them. Elsewhere another one may come before the tags do. */
static SUSPENDS bool bind_to_judged(struct s3_request *request, enum s3_action action, struct object_name *name,
                                    struct error *error)
{
    const struct s3_target target = {.bucket = &request->access, .key = name->key, .version = name->version};
    struct object_attributes attributes;
    if (!request->has_judged_object)
        return true;
    if (!bucket_head(request->settings->store, name, request->arena, &attributes, error))
        return s3_explain_missing(request, name, error);
    if (!s3_judge_opened(request, &target, action, &attributes, error))
        return false;
    if (name->version.size == 0 && request->bucket_info.versioning != VERSIONING_NEVER)
        name->version = arena_copy(request->arena, span_from_string(attributes.version));
    return true;
}

static SUSPENDS bool write_tags(struct s3_request *request, enum s3_action action, const struct tag_list *tags,
                                int status, struct error *error)
{
    struct object_name name;
    char version[VERSION_TEXT_BYTES];
    if (!name_object(request, &name, error) || !bind_to_judged(request, action, &name, error))
        return false;
    if (!bucket_write_tags(request->settings->store, &name, buffer_span(&tags->packed), tags->count, version, error))
        return s3_explain_missing(request, &name, error);
    s3_answer_begin(request, status);
    s3_answer_read_version(request, &request->bucket_info, version);
    return s3_answer_empty(request, error);
}

static SUSPENDS bool read_tags(struct s3_request *request, struct tag_list *tags, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .needs_checksum = true};
    const struct xml_element *root;
    return s3_read_tree(request, &rules, &root, error) && tags_take_tree(root, tags, error);
}

SUSPENDS bool s3_put_object_tagging(struct s3_request *request, struct error *error)
{
    struct tag_list tags;
    tags_init(&tags);
    bool ok = read_tags(request, &tags, error);
    request->tags_to_put = &tags.packed; /* a policy may ask for them, which were not known when it was let in */
    ok = ok && s3_authorize_body(request, error) && write_tags(request, ACTION_PutObjectTagging, &tags, 200, error);
    request->tags_to_put = NULL;
    tags_free(&tags);
    return ok;
}

SUSPENDS bool s3_delete_object_tagging(struct s3_request *request, struct error *error)
{
    const struct tag_list none = {.count = 0};
    return write_tags(request, ACTION_DeleteObjectTagging, &none, 204, error);
}
