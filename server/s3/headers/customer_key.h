/* server/s3/headers/customer_key.h -- the three headers with which a client brings a key of its own (SSE-C): algorithm,
 * key, and the key's MD5 ("Using server-side encryption with customer-provided keys" in the Amazon S3 user guide).
 *
 * The key lies in the request's memory; whoever takes it sees to it that it is wiped (encryption_forget). No answer and
 * no log repeats it (server/auth/secrets.h). */
#pragma once

#include "server/keys/customer_key.h"
#include "server/s3/request/request.h"

/* What the headers are called, lower case. */
struct customer_key_names {
    const char *algorithm;
    const char *key;
    const char *md5;
};
extern const struct customer_key_names customer_key_of_object; /* that is written or read */
extern const struct customer_key_names customer_key_of_source; /* of a copy */

/* Is it one of the three? */
bool customer_key_is_named(const struct customer_key_names *names, struct span name);
/* *ret_key NULL: none of the three is there. InvalidRequest: not over TLS, or in the query. InvalidArgument,
 * InvalidEncryptionAlgorithmError: one of them is missing or wrong. AccessDenied: such keys are not taken here. */
bool customer_key_take(struct s3_request *request, const struct customer_key_names *names,
                       struct customer_key **ret_key, struct error *error);
