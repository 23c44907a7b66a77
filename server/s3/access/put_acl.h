/* server/s3/access/put_acl.h -- the list that a PUT ?acl brings: by name, by headers, or as a document. */
#pragma once

#include "server/s3/rights/acl_request.h"

/* Exactly one of the three (statement 472), read, checked and packed. MissingSecurityHeader, UnexpectedContent,
 * InvalidRequest, MalformedACLError; AccessDenied: the document names another owner, or the list is public and that is
 * blocked. */
SUSPENDS bool put_acl_take(struct s3_request *request, enum acl_resource resource, const struct acl_owners *owners,
                           struct span *ret_packed, struct error *error);
