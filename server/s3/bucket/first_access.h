/* server/s3/bucket/first_access.h -- ownership, grants and public access block with which a bucket begins.
 *
 * Statements 457, 459, 461, 485, 486, 497: what CreateBucket's headers ask for, and where they say nothing, what
 * --default-ownership and --default-public-access-block say. */
#pragma once

#include "server/s3/rights/acl_request.h"

struct first_access {
    enum ownership ownership;
    struct span acl; /* packed, in the request's memory */
    bool is_blocked; /* all four */
};

/* InvalidArgument, InvalidBucketAclWithObjectOwnership, InvalidBucketAclWithBlockPublicAccessError, and what
 * acl_headers_make refuses. */
bool first_access_take(struct s3_request *request, struct first_access *ret_access, struct error *error);

enum { FIRST_ACCESS_DOCUMENTS = 3 };
/* As settings; what needs no setting has none. */
unsigned first_access_documents(const struct first_access *access,
                                struct setting_document ret_documents[FIRST_ACCESS_DOCUMENTS]);

/* That is what the bucket has now (486). */
bool first_access_is(const struct first_access *access, const struct access_bucket *now);
