/* server/s3/settings/setting_kinds.c -- the table of kinds of settings. */
#include "server/s3/settings/setting_kinds.h"

#include "server/access/access.h"
#include "server/s3/settings/cors.h"
#include "server/s3/settings/encryption.h"
#include "server/s3/settings/lifecycle.h"
#include "server/s3/settings/logging.h"
#include "server/s3/settings/small.h"
#include "server/s3/settings/tags.h"

static bool compile_policy(const struct bucket_info *bucket, struct span document, struct arena *arena,
                           const void **ret_compiled, struct error *error)
{
    const struct policy *policy;
    if (!policy_compile(document, span_from_string(bucket->name), arena, &policy, error))
        return false;
    *ret_compiled = policy;
    return true;
}

const struct setting_kind setting_kinds[SETTINGS_COUNT] = {
    [SETTING_OWNERSHIP] = {"ownership", 32, ownership_compile},
    [SETTING_ACL] = {"acl", ACL_PACKED_BYTES_MAX, acl_compile},
    [SETTING_PUBLIC_ACCESS_BLOCK] = {"public-access-block", 16, public_access_block_compile},
    [SETTING_POLICY] = {"policy", POLICY_BYTES_MAX, compile_policy},
    [SETTING_CORS] = {"cors", SETTING_DOCUMENT_BYTES_MAX, cors_compile},
    [SETTING_TAGS] = {"tags", TAGS_DOCUMENT_BYTES_MAX, NULL},
    [SETTING_LIFECYCLE] = {"lifecycle", SETTING_DOCUMENT_BYTES_MAX, lifecycle_compile},
    [SETTING_ENCRYPTION] = {"encryption", ENCRYPTION_DOCUMENT_BYTES_MAX, bucket_encryption_compile},
    [SETTING_LOGGING] = {"logging", LOGGING_DOCUMENT_BYTES_MAX, logging_compile},
    [SETTING_REQUEST_PAYMENT] = {"request-payment", SMALL_DOCUMENT_BYTES_MAX, payment_compile},
    [SETTING_ACCELERATE] = {"accelerate", SMALL_DOCUMENT_BYTES_MAX, NULL},
};
