/* server/s3/bucket/first_access.c -- from CreateBucket's headers to the first settings of a bucket. */
#include "server/s3/bucket/first_access.h"

#include "s3client/wire/s3_error.h"

static bool take_ownership(struct s3_request *request, enum ownership *ret_ownership, struct error *error)
{
    struct span name;
    *ret_ownership = request->settings->default_ownership;
    if (!s3_request_header(request, "x-amz-object-ownership", &name) || ownership_from_name(name, ret_ownership))
        return true;
    return s3_refuse_argument(request, "x-amz-object-ownership", name,
                              "Invalid x-amz-object-ownership header: BucketOwnerEnforced, BucketOwnerPreferred or "
                              "ObjectWriter.",
                              error);
}

bool first_access_take(struct s3_request *request, struct first_access *ret_access, struct error *error)
{
    const struct acl_owners owners = {s3_asker_id(request), s3_asker_id(request)};
    struct acl_headers headers;
    *ret_access = (struct first_access){.is_blocked = request->settings->blocks_new_buckets};
    if (!take_ownership(request, &ret_access->ownership, error) || !acl_headers_look(request, &headers, error))
        return false;
    if (!acl_headers_are_there(&headers))
        return true;
    const struct acl *acl = acl_headers_make(request, &headers, ACL_OF_BUCKET, &owners, error);
    if (acl == NULL || !acl_request_pack(request, acl, owners.owner, &ret_access->acl, error))
        return false;
    if (ret_access->ownership == OWNERSHIP_ENFORCED && acl_names_others(ret_access->acl, owners.owner))
        return error_set(error, ERROR_INVALID, S3_InvalidBucketAclWithObjectOwnership,
                         "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
    if (ret_access->is_blocked && acl_is_public(ret_access->acl))
        return error_set(error, ERROR_INVALID, S3_InvalidBucketAclWithBlockPublicAccessError,
                         "Bucket cannot have public ACLs set with BlockPublicAccess enabled");
    return true;
}

unsigned first_access_documents(const struct first_access *access,
                                struct setting_document ret_documents[FIRST_ACCESS_DOCUMENTS])
{
    unsigned count = 0;
    if (access->ownership != OWNERSHIP_ENFORCED)
        ret_documents[count++] =
            (struct setting_document){SETTING_OWNERSHIP, span_from_string(ownership_name(access->ownership))};
    if (access->acl.size > 0)
        ret_documents[count++] = (struct setting_document){SETTING_ACL, access->acl};
    if (access->is_blocked)
        ret_documents[count++] =
            (struct setting_document){SETTING_PUBLIC_ACCESS_BLOCK, SPAN(PUBLIC_ACCESS_BLOCK_ALL_ON)};
    return count;
}

static enum ownership effective(enum ownership ownership)
{
    return ownership == OWNERSHIP_UNSET ? OWNERSHIP_WRITER : ownership;
}

bool first_access_is(const struct first_access *access, const struct access_bucket *now)
{
    return effective(access->ownership) == effective(now->ownership) && span_equal(access->acl, now->acl);
}
