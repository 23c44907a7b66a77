/* server/maintenance/maintenance.h -- one walk over all objects by a policy.
 *
 * An object goes from rule to rule, in the order of the file, until one acts on it; what became of it by each is
 * counted, and written to the log when it is known. Without settings.executes nothing is written. */
#pragma once

#include "server/config/config.h"
#include "server/config/prices.h"
#include "server/maintenance/outcome.h"
#include "server/maintenance/policy.h"

struct maintenance_settings {
    bool executes;
    bool is_forced;              /* sweep however much that is */
    bool is_bucket;              /* of an S3 server: requests cost something there; else it is in a folder */
    int level;                   /* of migrate */
    uint64_t pace;               /* original bytes a second that are written anew, at most; 0: as fast as it goes */
    enum config_columns columns; /* may frames be packed in columns? */
    struct keyring *keyring;     /* of encrypt, and to read what S4 encrypted; NULL: none was given */
};

/* What became of the objects of one rule. */
struct rule_sums {
    uint64_t outcomes[OUTCOMES];
    uint64_t before; /* stored bytes of those on which it acted, or would */
    uint64_t after;
};

/* Who has begun it. */
struct maintenance_watcher {
    /* Between two objects, of which so many were looked at. False ends the walk. */
    SUSPENDS bool (*go_on)(void *context, uint64_t objects, struct error *error);
    /* What became of an object by one rule, when it is known, so that no line says what did not happen: JSON, without
     * the end of the line. NULL: nobody wants to know. */
    SUSPENDS bool (*note)(void *context, struct span line, struct error *error);
    void *context;
};

/* settings, policy, prices and watcher are given; the rest is of the last walk. */
struct maintenance {
    struct maintenance_settings settings;
    const struct policy *policy;
    const struct prices *prices;
    struct maintenance_watcher watcher;
    struct rule_sums sums[POLICY_RULES_MAX];
    bool has_begun; /* the store is one for these rules */
    uint64_t objects;
    struct walking *walking;
};

/* A walk over all that the store has. */
SUSPENDS bool maintenance_run(struct bucket_store *store, struct maintenance *maintenance, struct error *error);
/* How often that has come of an object, by all rules. */
uint64_t maintenance_count(const struct maintenance *maintenance, enum outcome outcome);
