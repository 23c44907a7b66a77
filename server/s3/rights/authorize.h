/* server/s3/rights/authorize.h -- the one door: may whoever asks do this to that?
 *
 * Every operation passes it before it touches anything: handle.c asks for what is addressed; operations ask for what
 * else they need (the source of a copy, each key of a DeleteObjects, tags, grants, locks that come with a write). What
 * is asked is decided by server/access; here are its question, put together from the request, and its refusal: 403
 * AccessDenied, which tells only the bucket owner's account what decided (statement 534).
 *
 * A bucket without policy, grants and public access block costs a compare of its owner. */
#pragma once

#include "server/s3/request/request.h"

/* What is asked about. */
struct s3_target {
    const struct access_bucket *bucket; /* NULL: the account itself */
    struct span key;                    /* empty: the bucket */
    struct span version;                /* empty: the current one */
    bool is_new;                        /* an object that the request makes: whatever has the key now does not matter */
};

/* What the settings of a bucket say of access. Spans point into both. */
void s3_access_of(const struct bucket_info *info, const struct bucket_settings *settings,
                  struct access_bucket *ret_access);

/* All that the operation needs to what the request addresses; also sets request->access. `has_bucket`: bucket_info and
 * bucket_settings are known. */
SUSPENDS bool s3_authorize(struct s3_request *request, enum s3_operation operation, bool has_bucket,
                           struct error *error);

/* One more action, on anything. Of a version it is the action that has Version in its name. */
SUSPENDS bool s3_authorize_action(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                                  struct error *error);
/* The same as a question: nobody is refused, and the log does not name it. What cannot be found out is no. */
SUSPENDS bool s3_may(struct s3_request *request, const struct s3_target *target, enum s3_action action);

/* The body has been read, and tags_to_put or lock_to_put is set. What a policy says of them is decided now; nobody who
 * is let in by nothing else may have learned anything before. */
SUSPENDS bool s3_authorize_body(struct s3_request *request, struct error *error);

/* Before anything is told of an object that was found. If it is not the one that was looked at to decide (somebody has
 * replaced it meanwhile), the action is judged once more. To be asked right behind the decision. ERROR_CHANGED:
 * it has been replaced again. */
SUSPENDS bool s3_judge_opened(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                              const struct object_attributes *attributes, struct error *error);
/* One more action on an object that was found. ERROR_CHANGED. */
SUSPENDS bool s3_authorize_opened(struct s3_request *request, const struct s3_target *target, enum s3_action action,
                                  const struct object_attributes *attributes, struct error *error);
/* The same of the object that the request makes, which is the asker's where writers own what they write. */
SUSPENDS bool s3_authorize_new(struct s3_request *request, enum s3_action action, struct error *error);

/* The operation missed its key. Whoever may not list the bucket may not know that either: *error becomes AccessDenied
 * (statement 491). Returns false. */
SUSPENDS bool s3_hide_missing(struct s3_request *request, const struct s3_target *target, struct error *error);

/* Nobody signed the request. */
static inline bool s3_is_anonymous(const struct s3_request *request)
{
    return request->authentication.account == NULL;
}

/* The id of who asks; empty: anonymous. */
static inline struct span s3_asker_id(const struct s3_request *request)
{
    return s3_is_anonymous(request) ? SPAN_EMPTY : span_from_string(request->authentication.account->id);
}

/* The asker's account owns the bucket. */
static inline bool s3_is_bucket_owner(const struct s3_request *request, const struct access_bucket *bucket)
{
    return !s3_is_anonymous(request) && span_equal(s3_asker_id(request), bucket->owner);
}
