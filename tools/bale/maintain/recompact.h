/* tools/bale/maintain/recompact.h -- an object of Bale's is packed anew at a higher level, or goes to a colder storage
 * class, in place: of stores that rewrite (capabilities.rewrites).
 *
 * What a client sees stays, but for the class of a transition. It is tried first: what does not shrink enough keeps its
 * body, and a level that gained nothing is noted beside it. */
#pragma once

#include "server/object/object.h"
#include "tools/bale/maintain/first_frame.h"
#include "tools/bale/maintain/outcome.h"
#include "tools/bale/maintain/policy.h"

struct recompaction {
    struct bucket_store *store;
    struct object_codecs *codecs;
    const struct prices *prices;
    bool executes;
    bool costs_requests; /* it is a bucket of an S3 server */
};

/* One version, which the rule (recompact or transition) is about; `trial` packs its first frame, at the rule's level.
 */
SUSPENDS bool recompact_object(const struct recompaction *recompaction, const struct policy_rule *rule,
                               struct trial *trial, const struct object_name *name, struct maintained *ret_maintained,
                               struct error *error);
