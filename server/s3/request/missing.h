/* server/s3/request/missing.h -- what is said of an object that was not found. */
#pragma once

#include "server/s3/request/request.h"

/* A lookup failed: of a key that is not there, a version is what is missed when one was asked for; and where a delete
 * marker was found, the answer says so (414, 415). Returns false. */
SUSPENDS bool s3_explain_missing(struct s3_request *request, const struct object_name *name, struct error *error);
