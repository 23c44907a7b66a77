/* server/s3/access/put_acl.c -- PUT ?acl: which of the three ways, and what it says. */
#include "server/s3/access/put_acl.h"

#include "s3client/wire/s3_error.h"
#include "server/access/acl_document.h"
#include "server/s3/body/body.h"

enum { ACL_DOCUMENT_BYTES_MAX = 128 << 10 };

/* Statement 473: whoever may write the list may not give the thing away. */
static bool check_owner(struct s3_request *request, const struct acl_document *document, struct span owner,
                        struct error *error)
{
    struct span named = span_from_string(document->owner);
    if (span_equal(named, owner))
        return true;
    if (accounts_find_id(request->settings->accounts, named) == NULL)
        return s3_refuse_argument(request, "Owner/ID", named, "Invalid id", error);
    return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied: the owner cannot be changed.");
}

static SUSPENDS struct acl *read_document(struct s3_request *request, struct span owner, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = ACL_DOCUMENT_BYTES_MAX};
    struct acl_document *document = s3_allocate(request, sizeof *document, error);
    bool is_present;
    if (document == NULL)
        return NULL;
    memset(document, 0, sizeof *document);
    document->accounts = request->settings->accounts;
    bool ok = s3_read_document(request, &rules, &acl_document_handlers, document, &is_present, error) &&
              acl_document_check(document, error);
    if (!ok && error->code != NULL && strcmp(error->code, S3_MalformedXML) == 0)
        error->code = S3_MalformedACLError; /* as S3 calls what is not even well-formed here */
    if (!ok)
        (void)acl_request_explain(request, "Grantee", span_from_string(document->grantee), error);
    return ok && check_owner(request, document, owner, error) ? &document->acl : NULL;
}

static struct acl *refuse_nothing(struct s3_request *request, struct error *error)
{
    error_details_add(&request->details, "MissingHeaderName", SPAN("x-amz-acl"));
    error_set(error, ERROR_INVALID, S3_MissingSecurityHeader, "Your request was missing a required header");
    return NULL;
}

SUSPENDS bool put_acl_take(struct s3_request *request, enum acl_resource resource, const struct acl_owners *owners,
                           struct span *ret_packed, struct error *error)
{
    struct acl_headers headers;
    struct acl *acl;
    bool has_body = http_body_expected(request->exchange);
    if (!acl_headers_look(request, &headers, error))
        return false;
    if (acl_headers_are_there(&headers) && has_body)
        return error_set(error, ERROR_INVALID, S3_UnexpectedContent, "This request does not support content");
    if (acl_headers_are_there(&headers))
        acl = acl_headers_make(request, &headers, resource, owners, error);
    else
        acl = has_body ? read_document(request, owners->owner, error) : refuse_nothing(request, error);
    return acl != NULL && acl_request_pack(request, acl, owners->owner, ret_packed, error);
}
