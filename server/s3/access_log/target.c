/* server/s3/access_log/target.c -- the bucket that access logs shall go to. */
#include "server/s3/access_log/target.h"

#include "s3client/wire/s3_error.h"
#include "server/s3/request/names.h"
#include "server/s3/rights/acl_request.h"
#include "server/s3/rights/authorize.h"
#include "store/refusal.h"

static bool refuse(struct s3_request *request, const struct logging *logging, const char *why, struct error *error)
{
    error_details_add(&request->details, "TargetBucket", logging->target_bucket);
    return error_set(error, ERROR_INVALID, S3_InvalidTargetBucketForLogging,
                     "The target bucket for logging does not exist or cannot take logs: %s.", why);
}

/* Where ACLs do not count, nobody is promised anything by one. */
SUSPENDS static bool check_grants(struct s3_request *request, const struct logging *logging,
                                  const struct bucket_info *target, struct error *error)
{
    struct settings *settings = request->settings->bucket_settings;
    const struct bucket_settings *pinned;
    struct access_bucket access;
    if (logging->grants == NULL)
        return true;
    if (!settings_pin(settings, target, &pinned, error))
        return false;
    bool is_whole = settings_are_whole(pinned, error);
    s3_access_of(target, pinned, &access);
    settings_unpin(settings, pinned);
    return is_whole && (access_counts_acls(&access) || acl_request_refuse(error));
}

/* The shortest that there will be: longer ones have room, and differ only in what no name is refused for. */
static bool check_key(struct s3_request *request, const struct logging *logging, struct error *error)
{
    struct buffer sample = {0};
    buffer_append(&sample, logging->target_prefix);
    buffer_append_string(&sample, "log");
    bool ok = s3_key_is_allowed(request, buffer_span(&sample), true, error) &&
              store_takes_key(request->settings->store, buffer_span(&sample), error);
    buffer_free(&sample);
    return ok;
}

SUSPENDS bool access_log_check_target(struct s3_request *request, const struct logging *logging, struct error *error)
{
    struct bucket_info target;
    if (!bucket_name_is_valid(logging->target_bucket))
        return refuse(request, logging, "that is no name of a bucket", error);
    if (!bucket_find(request->settings->store, logging->target_bucket, &target, error))
        return error->kind == ERROR_NOT_FOUND ? refuse(request, logging, "it is not there", error) : false;
    if (strcmp(target.owner, request->bucket_info.owner) != 0)
        return refuse(request, logging, "it has another owner", error);
    if (target.retention.mode != LOCK_NONE)
        return refuse(request, logging, "it has a default retention", error);
    return check_grants(request, logging, &target, error) && check_key(request, logging, error);
}
