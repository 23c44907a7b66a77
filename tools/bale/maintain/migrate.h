/* tools/bale/maintain/migrate.h -- an object that came before Bale is packed: nothing that a client can see changes.
 *
 * What is read is one revision; it is packed, and written under the condition that this revision is still there. Its
 * ETag, metadata, tags and time stay. Kept as it is, with a reason: what a client could tell from before, and what is
 * not worth it. */
#pragma once

#include "server/object/object.h"
#include "tools/bale/maintain/policy.h"

enum migrate_outcome {
    MIGRATE_PACKED,     /* or would be, where nothing is executed */
    MIGRATE_ALREADY,    /* it is S4's or Bale's */
    MIGRATE_TOO_SMALL,  /* by the rule */
    MIGRATE_TOO_YOUNG,  /* by the rule */
    MIGRATE_NO_GAIN,    /* its first MiB does not shrink enough */
    MIGRATE_OTHER_ETAG, /* one that is no MD5 of its bytes: it was uploaded in parts, or encrypted by the backend */
    MIGRATE_VERSIONED,  /* a former version would stay, and be billed */
    MIGRATE_CHANGED,    /* somebody has replaced or deleted it meanwhile */
    MIGRATE_UNREADABLE, /* archived, or refused otherwise */
    MIGRATE_OUTCOMES,
};
/* "no-gain" */
const char *migrate_outcome_name(enum migrate_outcome outcome);

struct migration {
    struct bucket_store *store;
    struct object_codecs *codecs;
    struct trial *trial; /* of the first frame */
    bool executes;
    int64_t now_ms;
};

struct migrated {
    enum migrate_outcome outcome;
    uint64_t before; /* stored bytes */
    uint64_t after;  /* MIGRATE_PACKED: stored bytes; what would be, by the first MiB, where nothing is executed */
};

/* One object, which the rule is about. False: the backend is out of reach, or does not decide conditional writes. */
SUSPENDS bool migrate_object(struct migration *migration, const struct policy_rule *rule,
                             const struct object_name *name, const struct list_entry *entry,
                             struct migrated *ret_migrated, struct error *error);
