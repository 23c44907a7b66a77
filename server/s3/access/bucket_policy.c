/* server/s3/access/bucket_policy.c -- ?policy of a bucket: GET, PUT, DELETE; ?policyStatus (statements 501 to 506,
 * 528).
 *
 * A policy is kept as the client's bytes: they are what is read back. */
#include "s3client/wire/s3_error.h"
#include "server/s3/access/access_settings.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/operations.h"

enum { BODY_BYTES_MAX = 1 << 20 }; /* more is not even read; what is a policy is decided by POLICY_BYTES_MAX */

/* A right to these calls is of no use to anybody but the owner's account (528). */
static bool check_account(const struct s3_request *request, struct error *error)
{
    return s3_is_bucket_owner(request, &request->access) ||
           error_set(error, ERROR_UNSUPPORTED, S3_MethodNotAllowed,
                     "The specified method is not allowed against this resource.");
}

SUSPENDS bool s3_get_bucket_policy(struct s3_request *request, struct error *error)
{
    struct span policy = settings_document(request->bucket_settings, SETTING_POLICY);
    if (!check_account(request, error))
        return false;
    if (policy.size == 0)
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchBucketPolicy, "The bucket policy does not exist");
    s3_answer_begin(request, 200);
    http_response_field(request->exchange, "Content-Type", SPAN("application/json"));
    return http_response_finish(request->exchange, policy, error);
}

static SUSPENDS bool check_policy(struct s3_request *request, struct span document, struct error *error)
{
    struct arena arena;
    const struct policy *policy;
    if (document.size > POLICY_BYTES_MAX)
        return error_set(error, ERROR_INVALID, S3_MalformedPolicy, "Policies may have at most %d bytes.",
                         POLICY_BYTES_MAX);
    arena_init(&arena, POLICY_ARENA_BYTES);
    bool ok = policy_compile(document, request->access.name, &arena, &policy, error);
    if (ok && request->access.block.blocks_policy && policy_is_public(policy)) {
        request->outcome.decided_by = ACCESS_BY_BLOCK;
        ok = error_set(error, ERROR_DENIED, S3_AccessDenied,
                       "Access Denied: the bucket's public access block does not allow public policies.");
    }
    arena_free(&arena);
    return ok;
}

SUSPENDS bool s3_put_bucket_policy(struct s3_request *request, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = BODY_BYTES_MAX};
    struct buffer document;
    if (!check_account(request, error))
        return false;
    buffer_init(&document, BODY_BYTES_MAX);
    bool ok = s3_read_text(request, &rules, &document, error) && check_policy(request, buffer_span(&document), error) &&
              access_setting_answer(request, SETTING_POLICY, buffer_span(&document), 204, error);
    buffer_free(&document);
    return ok;
}

SUSPENDS bool s3_delete_bucket_policy(struct s3_request *request, struct error *error)
{
    return check_account(request, error) && access_setting_answer(request, SETTING_POLICY, SPAN_EMPTY, 204, error);
}

SUSPENDS bool s3_get_bucket_policy_status(struct s3_request *request, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    bool is_acl_public = access_counts_acls(bucket) && !bucket->block.ignores_acls && acl_is_public(bucket->acl);
    struct s3_document document;
    s3_document_open(&document, "PolicyStatus");
    xml_bool(&document.xml, "IsPublic", is_acl_public || (bucket->policy != NULL && policy_is_public(bucket->policy)));
    return s3_document_send(request, &document, error);
}
