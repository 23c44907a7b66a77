/* server/s3/form/form_policy.h -- the policy of a web form: until when, and with which fields, it may be sent.
 *
 * Whoever signs a policy lets others upload on their behalf, within its conditions. Pure; fuzzed. Statements 564 to
 * 570; "Creating a POST policy" in the Amazon S3 API reference. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "server/s3/form/form_fields.h"

#include <stdint.h>

enum form_operator { FORM_EQUALS, FORM_STARTS_WITH };

struct form_condition {
    enum form_operator operation;
    struct span name; /* without "$" */
    struct span value;
};

struct form_policy {
    int64_t expiration_ms;
    struct form_condition *conditions;
    unsigned conditions_count;
    uint64_t least_bytes; /* content-length-range: of the file */
    uint64_t most_bytes;
};

/* Out of the base64 that was signed, into the arena. InvalidPolicyDocument. */
bool form_policy_parse(struct span base64, struct arena *arena, struct form_policy *ret_policy, struct error *error);

/* AccessDenied: expired, a condition fails, or a field that none of them names. `bucket` is that of the URL; `key` in
 * the fields is what the object will be called. */
bool form_policy_check(const struct form_policy *policy, const struct form_fields *fields, struct span bucket,
                       int64_t now_ms, struct error *error);

/* Of every form, signed or not (568). AccessDenied: a field `bucket` names another one than the URL. */
bool form_check_bucket(const struct form_fields *fields, struct span bucket, struct error *error);
