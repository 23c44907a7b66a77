/* store/remote/delete/own_objects.h -- removes what the store itself has in the backend, below `.bale/`: in a bucket
 * that keeps versions all versions, by their ids, or they would pile up behind delete markers. */
#pragma once

#include "store/remote/store.h"

struct own_removal {
    struct remote_shard *shard;
    struct span bucket; /* the backend's */
    struct span prefix; /* all that begins with it, as the backend names it */
    bool may_be_locked; /* the bucket has a default retention, perhaps; one that may be bypassed is */
    struct span kept;   /* what begins so behind the prefix stays; empty: nothing does */
};
/* Stops at the first failure; what is left is there for the next one to try. */
SUSPENDS bool own_objects_remove(const struct own_removal *removal, struct error *error);

/* The same of a bucket that is known to keep none, or some. */
SUSPENDS bool own_objects_remove_plain(const struct own_removal *removal, struct error *error);
SUSPENDS bool own_objects_remove_versions(const struct own_removal *removal, struct error *error);
/* Of a bucket that keeps versions: what was replaced or deleted by names that go on being used. What is current stays.
 */
SUSPENDS bool own_objects_remove_former(const struct own_removal *removal, struct error *error);
