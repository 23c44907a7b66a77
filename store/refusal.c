/* store/refusal.c -- capabilities against what is asked for. */
#include "store/refusal.h"

#include "s3client/wire/s3_error.h"

/* ---- conditions ---- */

static const struct {
    unsigned create;
    unsigned replace;
    const char *text;
} steps[] = {
    [STEP_PUT] = {DECIDES_PUT_CREATE, DECIDES_PUT_REPLACE, "a write"},
    [STEP_COMPLETE] = {DECIDES_COMPLETE_CREATE, DECIDES_COMPLETE_REPLACE, "the end of a multipart upload"},
    [STEP_COPY] = {DECIDES_COPY_CREATE, DECIDES_COPY_REPLACE, "the target of a copy"},
    [STEP_DELETE] = {DECIDES_DELETE, DECIDES_DELETE, "a deletion"},
    [STEP_DELETE_MANY] = {DECIDES_DELETE_MANY, DECIDES_DELETE_MANY, "a deletion of several objects"},
};

/* "*" is for what is not there yet; ETags are for what is. To be none of certain ETags can come to either. */
static unsigned verdicts_needed(enum write_step step, const struct write_condition *condition)
{
    unsigned needed = 0;
    if (condition->if_match.size > 0 || condition->has_size || condition->has_modified)
        needed |= steps[step].replace;
    if (condition->if_none_match.size > 0)
        needed |= steps[step].create;
    if (condition->if_none_match.size > 0 && !span_equal(condition->if_none_match, SPAN("*")))
        needed |= steps[step].replace;
    return needed;
}

bool store_takes_condition(const struct bucket_store *store, enum write_step step,
                           const struct write_condition *condition, struct error *error)
{
    if (condition == NULL || (verdicts_needed(step, condition) & ~store->capabilities.conditions) == 0)
        return true;
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "The backend does not decide conditions of %s: it would ignore this one.", steps[step].text);
}

/* ---- keys ---- */

static unsigned refused_classes(const struct bucket_store *store, struct span key)
{
    unsigned refused = store->capabilities.refused_keys;
    return refused == 0 ? 0 : refused & key_classes(key);
}

bool store_keeps_key(const struct bucket_store *store, struct span key)
{
    return refused_classes(store, key) == 0;
}

bool store_takes_key(const struct bucket_store *store, struct span key, struct error *error)
{
    unsigned classes = refused_classes(store, key);
    if (classes == 0)
        return true;
    return error_set(error, ERROR_INVALID, classes == KEY_LONG_SEGMENT ? S3_KeyTooLongError : S3_InvalidArgument,
                     "The backend cannot keep this name: %s.", key_class_text(classes));
}

bool store_may_have_key(const struct bucket_store *store, struct span key, struct error *error)
{
    return store_keeps_key(store, key) ||
           error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
}

/* ---- tags ---- */

bool store_keeps_tags(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.has_tags ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend does not keep tags.");
}

bool store_keeps_time(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.keeps_time ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The store gives each write the time of its own.");
}

/* ---- versions and locks ---- */

bool store_rewrites(const struct bucket_store *store, struct span seal, struct error *error)
{
    if (!store->capabilities.rewrites)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend cannot pack objects anew in place.");
    return seal.size == 0 ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "An encrypted object is not packed anew.");
}

bool store_keeps_versions(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.has_versions ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend does not keep versions.");
}

bool store_keeps_locks(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.has_lock ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend does not have object lock.");
}

bool store_keeps_acls(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.has_acls ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "The backend does not keep owners and ACLs of objects: each belongs to the bucket's owner, and is "
                     "private.");
}

bool store_takes_acl(const struct bucket_store *store, struct span owner, struct span acl, struct error *error)
{
    return (owner.size == 0 && acl.size == 0) || store_keeps_acls(store, error);
}

bool store_takes_lock(const struct bucket_store *store, const struct object_lock *lock, struct error *error)
{
    return (lock->mode == LOCK_NONE && lock->hold == HOLD_UNSET) || store_keeps_locks(store, error);
}

bool store_keeps_seals(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.keeps_seals ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend does not keep encrypted objects.");
}

bool store_seals_parts(const struct bucket_store *store, struct error *error)
{
    return store->capabilities.seals_parts ||
           error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "The backend does not keep encrypted objects that are sent in parts.");
}

bool store_takes_seal(const struct bucket_store *store, struct span seal, struct error *error)
{
    return seal.size == 0 || store_keeps_seals(store, error);
}
