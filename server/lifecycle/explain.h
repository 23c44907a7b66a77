/* server/lifecycle/explain.h -- why a version goes, or stays: the judgement of a sweep, for somebody who asks. */
#pragma once

#include "server/lifecycle/runner.h"

struct lifecycle_explanation {
    const struct lifecycle_plan *plan; /* plan->lifecycle has the rules */
    int64_t now_ms;
    struct lifecycle_version version;
    const char *version_id;
    struct lifecycle_verdict verdict;
    bool is_locked; /* it would go, but for its lock */
};

/* Judges one version as a sweep would that began now, and tells. Without a version: the current one. What is told
 * lives until `tell` returns. ERROR_NOT_FOUND: there is no such bucket or version, or the bucket has no rules.
 * On shard 0, after lifecycle_start. */
SUSPENDS bool lifecycle_explain(struct lifecycle_runner *runner, const struct object_name *name,
                                void (*tell)(void *context, const struct lifecycle_explanation *explanation),
                                void *context, struct error *error);
