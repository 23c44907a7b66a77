/* server/maintenance/recompact.h -- an object of Bale's is packed anew at a higher level, or goes to a colder storage
 * class, in place: of stores that rewrite (capabilities.rewrites). In the bucket of an S3 server that is a write, on
 * the condition that the revision is still there which was looked at.
 *
 * What a client sees stays, but for the class of a transition. It is tried first: what does not shrink enough keeps its
 * body, and a level that gained nothing is noted beside it. */
#pragma once

#include "server/maintenance/first_frame.h"
#include "server/maintenance/outcome.h"
#include "server/maintenance/policy.h"
#include "server/object/object.h"

struct recompaction {
    struct bucket_store *store;
    struct object_codecs *codecs;
    struct offload *threads; /* for tries */
    const struct prices *prices;
    int64_t now_ms;
    bool executes;
    bool costs_requests;   /* it is a bucket of an S3 server ... */
    bool replaces_version; /* ... that keeps versions: one more is made, and the one that it was made of removed */
    uint64_t creation_id;  /* of the bucket in which the version is */
};

/* One version, as it was listed, which the rule (recompact or transition) is about; `trial` packs its first frame, at
 * the rule's level. */
SUSPENDS bool recompact_object(const struct recompaction *recompaction, const struct policy_rule *rule,
                               struct trial *trial, const struct object_name *name, const struct list_entry *entry,
                               struct maintained *ret_maintained, struct error *error);
