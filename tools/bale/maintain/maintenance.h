/* tools/bale/maintain/maintenance.h -- one walk over all objects by a policy.
 *
 * An object goes from rule to rule, in the order of the file, until one acts on it; what became of it by each is
 * counted, and written to the log when it is known. Without settings.executes nothing is written. */
#pragma once

#include "server/config/config.h"
#include "tools/bale/estimate/prices.h"
#include "tools/bale/maintain/outcome.h"
#include "tools/bale/maintain/policy.h"
#include "tools/bale/view/progress.h"

#include <stdio.h>

struct maintenance_settings {
    bool executes;
    bool is_forced;              /* sweep however much that is */
    bool is_bucket;              /* of an S3 server: requests cost something there */
    const char *folder;          /* else */
    int level;                   /* of migrate */
    enum config_columns columns; /* may frames be packed in columns? */
    struct keyring *keyring;     /* of encrypt, and to read what S4 encrypted; NULL: none was given */
};

/* What became of the objects of one rule. */
struct rule_sums {
    uint64_t outcomes[OUTCOMES];
    uint64_t before; /* stored bytes of those on which it acted, or would */
    uint64_t after;
};

/* settings, policy, prices and log are given; the rest is of the last walk. */
struct maintenance {
    struct maintenance_settings settings;
    struct policy policy;
    struct prices prices;
    FILE *log; /* NULL: none is kept */
    struct rule_sums sums[POLICY_RULES_MAX];
    bool has_begun;
    uint64_t objects;
    unsigned walks_cut; /* of a folder beside its server: snapshots under which bytes were written over */
    struct walking *walking;
    struct progress progress;
};

/* A session_work, with the maintenance as its context. A dry walk over a folder that meets what it cannot read is to be
 * done anew over a newer snapshot, and says ERROR_DAMAGED (backend_session_look); the last one counts. */
SUSPENDS bool maintenance_run(struct bucket_store *store, void *context, struct error *error);
/* Objects that could not be read. */
uint64_t maintenance_unreadable(const struct maintenance *maintenance);
/* Closes the log. */
void maintenance_free(struct maintenance *maintenance);
