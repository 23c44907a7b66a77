/* server/s3/rights/acl_request.h -- what the headers of a request say of grants, and what becomes of it.
 *
 * Statements 461 to 463, 468 to 472, 499: the list that a bucket or an object gets, and whose a new object is. Packed
 * lists live in the request's memory. */
#pragma once

#include "server/s3/rights/authorize.h"

/* x-amz-acl, or x-amz-grant-...; InvalidRequest: both. */
struct acl_headers {
    bool has_canned;
    bool has_grants;
    struct span canned;
};
bool acl_headers_look(struct s3_request *request, struct acl_headers *ret_headers, struct error *error);
static inline bool acl_headers_are_there(const struct acl_headers *headers)
{
    return headers->has_canned || headers->has_grants;
}

/* The list that they ask for, which are there. InvalidArgument, and what acl_add_header refuses. NULL: refused. */
struct acl *acl_headers_make(struct s3_request *request, const struct acl_headers *headers, enum acl_resource resource,
                             const struct acl_owners *owners, struct error *error);

/* Packed for the store. AccessDenied: it is public, and the bucket blocks that (499). */
bool acl_request_pack(struct s3_request *request, const struct acl *acl, struct span owner, struct span *ret_packed,
                      struct error *error);

/* A grantee was refused as an InvalidArgument: where it stood, and what stood there. Returns false. */
bool acl_request_explain(struct s3_request *request, const char *name, struct span value, const struct error *error);

/* 400 AccessControlListNotSupported. Returns false. */
bool acl_request_refuse(struct error *error);

/* Whose the new object is that the request makes (empty: the bucket owner's), and its list (empty: private). */
struct object_acl {
    struct span owner;
    struct span acl;
};
SUSPENDS bool object_acl_take(struct s3_request *request, struct object_acl *ret_acl, struct error *error);

/* Right before the commit: the bucket may have gone, or its ownership changed while the body came (536). Then it is
 * decided again what the object is to be; refusals as above, and NoSuchBucket. */
SUSPENDS bool object_acl_settle(struct s3_request *request, struct object_acl *acl, struct error *error);

/* Whom answers call the owner of something whose row says `owner` (empty: the bucket's). */
struct span s3_owner_shown(const struct s3_request *request, struct span owner);
