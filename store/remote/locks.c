/* store/remote/locks.c -- object lock: the backend's own, which decides in the step that deletes. */
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"

/* ---- of a bucket ---- */

static enum lock_mode mode_of(enum s3_lock_mode mode)
{
    return mode == S3_LOCK_NONE ? LOCK_NONE : mode == S3_LOCK_GOVERNANCE ? LOCK_GOVERNANCE : LOCK_COMPLIANCE;
}

static enum s3_lock_mode s3_mode_of(enum lock_mode mode)
{
    return mode == LOCK_NONE ? S3_LOCK_NONE : mode == LOCK_GOVERNANCE ? S3_LOCK_GOVERNANCE : S3_LOCK_COMPLIANCE;
}

SUSPENDS bool remote_ask_lock(struct remote_shard *shard, struct span backend_bucket, struct bucket_info *info,
                              struct error *error)
{
    struct s3_bucket_lock lock;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = backend_bucket, .repeat = S3_REPEAT};
    info->has_lock = false;
    info->retention = (struct default_retention){.mode = LOCK_NONE};
    if (!shard->remote->base.capabilities.has_lock || info->versioning != VERSIONING_ENABLED)
        return true; /* a locked bucket is never anything else */
    bool done = s3_client_get_bucket_lock(shard->client, &call, &lock, &answer, error);
    if (!done && error->code == S3_ObjectLockConfigurationNotFoundError)
        return true;
    if (!done && answer.status == 404 && error->code == NULL) /* whatever it is that is not there: its name was lost */
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend does not answer at the moment. Try again.");
    if (!remote_answered(shard, S3_GET_BUCKET, &answer, done, error))
        return false;
    info->has_lock = lock.is_enabled;
    info->retention = (struct default_retention){.mode = mode_of(lock.mode), .days = lock.days, .years = lock.years};
    return true;
}

SUSPENDS bool remote_set_lock(struct bucket_store *store, struct span bucket, const struct default_retention *retention,
                              struct error *error)
{
    struct remote *remote = remote_of(store);
    struct remote_shard *shard = remote_shard_here(remote);
    struct s3_answer answer;
    struct s3_call call = {.repeat = S3_REPEAT};
    const struct s3_bucket_lock lock = {
        .mode = s3_mode_of(retention->mode), .days = retention->days, .years = retention->years};
    if (!remote_bucket(remote, bucket, &call.bucket, error))
        return false;
    bool done = s3_client_put_bucket_lock(shard->client, &call, &lock, &answer, error);
    if (!remote_answered(shard, S3_PUT_BUCKET, &answer, done, error)) {
        bool is_too_late = error->code == S3_InvalidBucketState;
        return is_too_late && error_set(error, ERROR_CONFLICT, S3_InvalidBucketState,
                                        "The backend locks no bucket that was not made with a lock.");
    }
    atomic_fetch_add(&remote->buckets_removed, 1); /* every shard asks anew */
    return true;
}

/* ---- of a version ---- */

static bool answered(struct remote_key *key, enum s3_kind kind, const struct s3_answer *answer, bool done,
                     char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    remote_key_answered_version(key, answer, ret_version);
    if (!done && answer->status == 400 && error->code == S3_InvalidArgument) /* a date that has passed on the way */
        return error_set(error, ERROR_INVALID, S3_InvalidArgument, "The backend refuses the date or the version.");
    done = remote_answered(key->shard, kind, answer, done, error);
    if (!done)
        (void)remote_key_is_missing(key, answer, error);
    return done;
}

SUSPENDS bool remote_write_retention(struct bucket_store *store, const struct object_name *name,
                                     const struct retention_change *change, char ret_version[VERSION_TEXT_BYTES],
                                     struct error *error)
{
    struct remote_key key;
    struct s3_answer answer;
    const struct http_field bypass = {SPAN("x-amz-bypass-governance-retention"), SPAN("true")};
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    struct s3_call call = remote_key_call(&key, S3_PUT_RETENTION, S3_REPEAT);
    call.headers = &bypass;
    call.headers_count = change->may_bypass_governance ? 1 : 0;
    bool done = s3_client_put_retention(key.shard->client, &call, s3_mode_of(change->mode), change->retain_until_ms,
                                        &answer, error);
    return answered(&key, S3_PUT_RETENTION, &answer, done, ret_version, error);
}

SUSPENDS bool remote_write_legal_hold(struct bucket_store *store, const struct object_name *name, enum lock_hold hold,
                                      char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    struct remote_key key;
    struct s3_answer answer;
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    const struct s3_call call = remote_key_call(&key, S3_PUT_LEGAL_HOLD, S3_REPEAT);
    bool done = s3_client_put_legal_hold(key.shard->client, &call, hold == HOLD_ON, &answer, error);
    return answered(&key, S3_PUT_LEGAL_HOLD, &answer, done, ret_version, error);
}
