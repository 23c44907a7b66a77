/* store/object_lock.c -- what a lock forbids. */
#include "store/object_lock.h"

#include "s3client/wire/s3_error.h"

#include <time.h>

#define DAY_MS INT64_C(86400000)

static bool retention_binds(const struct object_lock *lock, int64_t now_ms)
{
    return lock->mode != LOCK_NONE && lock->retain_until_ms > now_ms;
}

bool object_lock_binds(const struct object_lock *lock, int64_t now_ms, bool may_bypass_governance)
{
    return lock->hold == HOLD_ON ||
           (retention_binds(lock, now_ms) && !(lock->mode == LOCK_GOVERNANCE && may_bypass_governance));
}

bool object_lock_change(struct object_lock *lock, const struct retention_change *change, int64_t now_ms,
                        struct error *error)
{
    bool is_longer = change->mode == lock->mode && change->retain_until_ms >= lock->retain_until_ms;
    bool may_bypass = lock->mode == LOCK_GOVERNANCE && change->may_bypass_governance;
    if (retention_binds(lock, now_ms) && !is_longer && !may_bypass)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "Access Denied because object protected by object lock: the retention that holds may only be "
                         "made longer.");
    lock->mode = change->mode;
    lock->retain_until_ms = change->mode == LOCK_NONE ? 0 : change->retain_until_ms;
    return true;
}

/* The same day and time of a later year; a 29th of February becomes the 1st of March where there is none. */
static int64_t add_years(int64_t time_ms, unsigned years)
{
    time_t seconds = time_ms / 1000;
    struct tm broken;
    if (gmtime_r(&seconds, &broken) == NULL)
        return time_ms;
    broken.tm_year += (int)years;
    return (int64_t)timegm(&broken) * 1000 + time_ms % 1000;
}

void object_lock_apply_default(struct object_lock *lock, const struct default_retention *retention, int64_t now_ms)
{
    if (lock->mode != LOCK_NONE || retention->mode == LOCK_NONE)
        return;
    lock->mode = retention->mode;
    lock->retain_until_ms =
        retention->years > 0 ? add_years(now_ms, retention->years) : now_ms + (int64_t)retention->days * DAY_MS;
}
