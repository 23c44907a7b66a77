/* server/s3/rights/acl_request.c -- grants as headers ask for them, judged by the ownership of the bucket. */
#include "server/s3/rights/acl_request.h"

#include "s3client/wire/s3_error.h"

static const struct {
    const char *header;
    unsigned permission;
} grant_headers[] = {
    {"x-amz-grant-read", ACL_READ},
    {"x-amz-grant-write", ACL_WRITE},
    {"x-amz-grant-read-acp", ACL_READ_ACP},
    {"x-amz-grant-write-acp", ACL_WRITE_ACP},
    {"x-amz-grant-full-control", ACL_FULL_CONTROL},
};

enum { GRANT_HEADERS = sizeof grant_headers / sizeof grant_headers[0] };

bool acl_headers_look(struct s3_request *request, struct acl_headers *ret_headers, struct error *error)
{
    struct span value;
    *ret_headers = (struct acl_headers){.has_canned = false};
    ret_headers->has_canned = s3_request_header(request, "x-amz-acl", &ret_headers->canned);
    for (size_t i = 0; i < GRANT_HEADERS; i++)
        ret_headers->has_grants =
            ret_headers->has_grants || s3_request_header(request, grant_headers[i].header, &value);
    return !ret_headers->has_canned || !ret_headers->has_grants ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "Specifying both Canned ACLs and Header Grants is not allowed");
}

bool acl_request_explain(struct s3_request *request, const char *name, struct span value, const struct error *error)
{
    if (error->code != NULL && strcmp(error->code, S3_InvalidArgument) == 0)
        error_details_add_argument(&request->details, name, value);
    return false;
}

static bool add_grants(struct s3_request *request, struct acl *acl, struct error *error)
{
    struct span value;
    for (size_t i = 0; i < GRANT_HEADERS; i++)
        if (s3_request_header(request, grant_headers[i].header, &value) &&
            !acl_add_header(acl, grant_headers[i].permission, value, request->settings->accounts, error))
            return acl_request_explain(request, grant_headers[i].header, value, error);
    return true;
}

struct acl *acl_headers_make(struct s3_request *request, const struct acl_headers *headers, enum acl_resource resource,
                             const struct acl_owners *owners, struct error *error)
{
    struct acl *acl = s3_allocate(request, sizeof *acl, error);
    if (acl == NULL)
        return NULL;
    acl->count = acl->given = 0;
    if (headers->has_grants)
        return add_grants(request, acl, error) ? acl : NULL;
    if (acl_set_canned(acl, resource, headers->canned, owners))
        return acl;
    s3_refuse_argument(request, "x-amz-acl", headers->canned, "The canned ACL is not known.", error);
    return NULL;
}

static bool pack(struct s3_request *request, const struct acl *acl, struct span owner, struct span *ret_packed,
                 struct error *error)
{
    struct buffer packed;
    buffer_init(&packed, ACL_PACKED_BYTES_MAX);
    acl_pack(acl, owner, &packed);
    *ret_packed = packed.size == 0 ? SPAN_EMPTY : s3_copy(request, buffer_span(&packed), error);
    bool ok = packed.size == 0 || ret_packed->data != NULL;
    buffer_free(&packed);
    return ok;
}

bool acl_request_pack(struct s3_request *request, const struct acl *acl, struct span owner, struct span *ret_packed,
                      struct error *error)
{
    if (!pack(request, acl, owner, ret_packed, error))
        return false;
    if (!request->access.block.blocks_acls || !acl_is_public(*ret_packed))
        return true;
    request->outcome.decided_by = ACCESS_BY_BLOCK;
    return error_set(error, ERROR_DENIED, S3_AccessDenied,
                     "Access Denied: the bucket's public access block does not allow public ACLs.");
}

bool acl_request_refuse(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_AccessControlListNotSupported, "The bucket does not allow ACLs");
}

/* ---- of a new object ---- */

/* BucketOwnerEnforced: what says no more than what is so anyway (statement 461's table). */
static bool check_enforced(struct s3_request *request, const struct acl_headers *headers, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    const struct acl_owners owners = {bucket->owner, bucket->owner};
    struct span packed;
    if (!acl_headers_are_there(headers))
        return true;
    const struct acl *acl = acl_headers_make(request, headers, ACL_OF_OBJECT, &owners, error);
    if (acl == NULL || !pack(request, acl, bucket->owner, &packed, error))
        return false;
    bool says_so = headers->has_grants || span_equal(headers->canned, SPAN("private")) ||
                   span_equal(headers->canned, SPAN("bucket-owner-full-control"));
    return (says_so && packed.size == 0) || acl_request_refuse(error);
}

/* Empty: the bucket owner. So is whatever anonymous writes (463). */
static struct span owner_of_new(const struct s3_request *request, const struct acl_headers *headers)
{
    const struct access_bucket *bucket = &request->access;
    bool is_given = bucket->ownership == OWNERSHIP_PREFERRED && headers->has_canned &&
                    span_equal(headers->canned, SPAN("bucket-owner-full-control"));
    return is_given || s3_is_anonymous(request) || s3_is_bucket_owner(request, bucket) ? SPAN_EMPTY
                                                                                       : s3_asker_id(request);
}

SUSPENDS bool object_acl_take(struct s3_request *request, struct object_acl *ret_acl, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    struct acl_headers headers;
    *ret_acl = (struct object_acl){SPAN_EMPTY, SPAN_EMPTY};
    if (!acl_headers_look(request, &headers, error))
        return false;
    if (!access_counts_acls(bucket))
        return check_enforced(request, &headers, error);
    ret_acl->owner = owner_of_new(request, &headers);
    if (!acl_headers_are_there(&headers))
        return true;
    const struct acl_owners owners = {ret_acl->owner.size > 0 ? ret_acl->owner : bucket->owner, bucket->owner};
    const struct acl *acl = acl_headers_make(request, &headers, ACL_OF_OBJECT, &owners, error);
    return acl != NULL && acl_request_pack(request, acl, owners.owner, &ret_acl->acl, error) &&
           (!s3_is_bucket_owner(request, bucket) || s3_authorize_new(request, ACTION_PutObjectAcl, error));
}

SUSPENDS bool object_acl_settle(struct s3_request *request, struct object_acl *acl, struct error *error)
{
    struct settings *settings = request->settings->bucket_settings;
    const struct bucket_settings *now;
    struct access_bucket access;
    bool ok = true;
    if (!s3_check_same_bucket(request, error) || !settings_pin(settings, &request->bucket_info, &now, error))
        return false;
    s3_access_of(&request->bucket_info, now, &access);
    if (access.ownership != request->access.ownership) {
        struct access_bucket before = request->access;
        request->access.ownership = access.ownership;
        ok = object_acl_take(request, acl, error);
        request->access = before;
    }
    settings_unpin(settings, now);
    return ok;
}

struct span s3_owner_shown(const struct s3_request *request, struct span owner)
{
    const struct access_bucket *bucket = &request->access;
    return owner.size == 0 || !access_counts_acls(bucket) ? bucket->owner : owner;
}
