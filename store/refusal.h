/* store/refusal.h -- what a store cannot do, refused by its capabilities before it is asked.
 *
 * A condition that a backend would ignore, a key that it would keep under another name, tags that it would drop: each
 * would be a success that is none. All refusals are here, so that no store has to look for them. */
#pragma once

#include "store/bucket.h"

/* Steps that decide conditions. */
enum write_step { STEP_PUT, STEP_COMPLETE, STEP_COPY, STEP_DELETE, STEP_DELETE_MANY };

/* NotImplemented when the store does not decide this condition in this step. `condition` NULL: there is none. */
bool store_takes_condition(const struct bucket_store *store, enum write_step step,
                           const struct write_condition *condition, struct error *error);

/* Can the store keep the key under its name? */
bool store_keeps_key(const struct bucket_store *store, struct span key);
/* InvalidArgument, or KeyTooLongError, for a key that is to be written. */
bool store_takes_key(const struct bucket_store *store, struct span key, struct error *error);
/* NoSuchKey for one that is to be read: it cannot be there. */
bool store_may_have_key(const struct bucket_store *store, struct span key, struct error *error);

/* NotImplemented when it keeps none. */
bool store_keeps_tags(const struct bucket_store *store, struct error *error);
bool store_keeps_time(const struct bucket_store *store, struct error *error);
/* `seal`: of the object whose body is to be replaced. */
bool store_rewrites(const struct bucket_store *store, struct span seal, struct error *error);
bool store_keeps_versions(const struct bucket_store *store, struct error *error);
bool store_keeps_locks(const struct bucket_store *store, struct error *error);
/* The same where nothing is asked for, which every store can do. */
/* Whose objects are, if not the bucket's owner's, and to whom they are granted. */
bool store_keeps_acls(const struct bucket_store *store, struct error *error);
bool store_takes_acl(const struct bucket_store *store, struct span owner, struct span acl, struct error *error);
bool store_takes_lock(const struct bucket_store *store, const struct object_lock *lock, struct error *error);
/* NotImplemented when it keeps none: an object that is encrypted would be one that nobody can read. */
bool store_keeps_seals(const struct bucket_store *store, struct error *error);
bool store_seals_parts(const struct bucket_store *store, struct error *error);
bool store_takes_seal(const struct bucket_store *store, struct span seal, struct error *error);
