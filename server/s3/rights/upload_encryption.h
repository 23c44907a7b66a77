/* server/s3/rights/upload_encryption.h -- how what an upload becomes is encrypted, for who has not looked at it.
 *
 * Clients ask for encryption when they begin an upload, and repeat it neither with parts nor at its end: a policy that
 * demands it must know of those what was begun. */
#pragma once

#include "server/keys/object_seal.h"
#include "server/s3/request/request.h"
#include "store/bucket.h"

/* Of a request that sends a part, or ends an upload. One that has ended is as its object is. SEAL_PLAIN also where
 * nobody can tell: the upload is not there, or its key is not. */
SUSPENDS struct object_encryption upload_encryption_find(struct s3_request *request);
/* How what the request's key holds is encrypted, if it still is what was completed. */
SUSPENDS struct object_encryption upload_encryption_of_completed(struct s3_request *request,
                                                                 const struct object_attributes *completed);
