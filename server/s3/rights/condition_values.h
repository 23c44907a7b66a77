/* server/s3/rights/condition_values.h -- what a request has of the condition keys of policies.
 *
 * Statements 520 to 526. A key is looked up when a statement of the policy asks for it and not before; most are headers
 * or parameters as they were sent, absent when they were not, whatever their default is. Values live in the request's
 * memory. */
#pragma once

#include "server/s3/request/request.h"

/* `name` and `owner` are the object (or the bucket: an empty key) that is asked about. False: it could not be found
 * out, and *error says why. */
SUSPENDS bool condition_values_find(struct s3_request *request, const struct object_name *name, struct span owner,
                                    enum condition_key key, struct span part, struct policy_values *ret_values,
                                    struct error *error);
