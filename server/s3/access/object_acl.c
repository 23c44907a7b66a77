/* server/s3/access/object_acl.c -- GET and PUT /bucket/key?acl, of one version. */
#include "server/s3/access/put_acl.h"
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"
#include "server/s3/request/missing.h"

static SUSPENDS bool find(struct s3_request *request, struct object_name *ret_name,
                          struct object_attributes *ret_attributes, struct error *error)
{
    *ret_name = (struct object_name){.bucket = request->bucket, .key = request->key};
    if (!s3_request_version(request, &ret_name->version, error))
        return false;
    return bucket_head(request->settings->store, ret_name, request->arena, ret_attributes, error) ||
           s3_explain_missing(request, ret_name, error);
}

SUSPENDS bool s3_get_object_acl(struct s3_request *request, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    struct object_name name;
    struct object_attributes attributes;
    struct s3_document document;
    if (!find(request, &name, &attributes, error))
        return false;
    const struct s3_target target = {.bucket = bucket, .key = name.key, .version = name.version};
    struct span acl = SPAN_EMPTY;
    if (!s3_judge_opened(request, &target, ACTION_GetObjectAcl, &attributes, error))
        return false;
    if (access_counts_acls(bucket) &&
        !bucket_read_acl(request->settings->store, &name, &attributes, request->arena, &acl, error))
        return false;
    s3_document_open(&document, "AccessControlPolicy");
    acl_write(&document.xml, acl, s3_owner_shown(request, attributes.owner), request->settings->accounts);
    s3_answer_begin(request, 200);
    s3_answer_read_version(request, &request->bucket_info, attributes.version);
    return s3_document_finish(request, &document, error);
}

static SUSPENDS bool answer(struct s3_request *request, const char *version, struct error *error)
{
    s3_answer_begin(request, 200);
    s3_answer_read_version(request, &request->bucket_info, version);
    return s3_answer_empty(request, error);
}

/* BucketOwnerEnforced: only what is so anyway can be asked for, by its name or as the document that GET answers, which
 * clients that copy an object with its ACL send back. Nothing comes of it. */
static SUSPENDS bool put_nothing(struct s3_request *request, const struct object_attributes *attributes,
                                 struct error *error)
{
    const struct acl_owners owners = {request->access.owner, request->access.owner};
    struct acl_headers headers;
    struct span packed;
    if (!acl_headers_look(request, &headers, error))
        return false;
    bool is_document = !acl_headers_are_there(&headers) && http_body_expected(request->exchange);
    bool is_owners = headers.has_canned && span_equal(headers.canned, SPAN("bucket-owner-full-control"));
    if (!is_document && !is_owners)
        return acl_request_refuse(error);
    if (!put_acl_take(request, ACL_OF_OBJECT, &owners, &packed, error))
        return false;
    return packed.size == 0 ? answer(request, attributes->version, error) : acl_request_refuse(error);
}

SUSPENDS bool s3_put_object_acl(struct s3_request *request, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    struct object_name name;
    struct object_attributes attributes;
    struct span packed;
    char version[VERSION_TEXT_BYTES];
    if (!find(request, &name, &attributes, error))
        return false;
    const struct s3_target target = {.bucket = bucket, .key = name.key, .version = name.version};
    if (!s3_judge_opened(request, &target, ACTION_PutObjectAcl, &attributes, error))
        return false;
    if (!access_counts_acls(bucket))
        return put_nothing(request, &attributes, error);
    const struct acl_owners owners = {s3_owner_shown(request, attributes.owner), bucket->owner};
    if (!put_acl_take(request, ACL_OF_OBJECT, &owners, &packed, error))
        return false;
    if (!bucket_write_acl(request->settings->store, &name, &attributes, packed, version, error))
        return s3_explain_missing(request, &name, error);
    return answer(request, version, error);
}
