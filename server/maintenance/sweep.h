/* server/maintenance/sweep.h -- the rule `sweep`: what nothing needs any more in a bucket of an S3 server is removed.
 *
 * All of a bucket is looked at first. Where more than a tenth of its keys would go, nothing does: a bucket or a prefix
 * that is not the right one looks like that. What is then removed is asked for once more (store/remote/remote.h). */
#pragma once

#include "server/maintenance/outcome.h"
#include "server/maintenance/policy.h"
#include "store/bucket.h"

struct sweep {
    struct bucket_store *store; /* of a bucket (store/remote/remote.h) */
    const struct policy_rule *rule;
    bool executes;
    bool is_forced; /* however many they are */
    /* Before each look. False ends it. */
    SUSPENDS bool (*go_on)(void *context, struct error *error);
    /* What became of one, when it is known. The name is that of what is swept, KEY.s4index. */
    SUSPENDS bool (*settled)(void *context, const struct object_name *name, const struct maintained *maintained,
                             struct error *error);
    void *context;
};

/* ERROR_CONFLICT: there are too many, and none was removed of that bucket. */
SUSPENDS bool sweep_run(const struct sweep *sweep, struct error *error);
