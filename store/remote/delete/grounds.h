/* store/remote/delete/grounds.h -- is what somebody judged still so? (struct deletion_grounds)
 *
 * The backend is asked right before the deletion. What it then compares itself, in the step that deletes, is less:
 * the ETag of the stored bytes, or the id of a version, which is never another's. So of all that is asked here a window
 * of one request's time is left, which docs/lifecycle.md names; a newer object that is not the same to the byte is
 * never deleted. */
#pragma once

#include "store/remote/store.h"

/* The key is the item's. ERROR_UNSUPPORTED: the backend compares nothing when it deletes such a one. ERROR_CHANGED. */
SUSPENDS bool remote_grounds_hold(struct remote_key *key, const struct delete_item *item, struct error *error);
/* Of the current object, in a bucket that never had versions: is it what was judged, as far as its attributes say? Tags
 * are not looked at. ERROR_CHANGED. */
SUSPENDS bool remote_is_judged(struct remote_key *key, const struct object_attributes *attributes,
                               const struct deletion_grounds *grounds, struct error *error);
/* Does the item name a version that is made once, and never replaced? */
bool remote_names_fixed_version(const struct delete_item *item);
