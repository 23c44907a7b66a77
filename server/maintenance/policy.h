/* server/maintenance/policy.h -- the rules of bale maintain: an INI file, one section for each.
 *
 *     [rule old logs]
 *     action = recompact
 *     level = 9
 *     prefix = logs/
 *     ending = .log
 *     least-size = 4K
 *     older-than = 24h
 *     least-gain = 5
 *     pays-back = 12
 *
 * A prefix is percent-coded, and one that is too long for a line goes on in prefix-2 up to prefix-6. docs/maintain.md
 * has all keys. A file with an error is refused whole. */
#pragma once

#include "runtime/base/error.h"
#include "server/config/ini.h"
#include "store/bucket.h"

#include <stdio.h>

enum { POLICY_RULES_MAX = 64, POLICY_PREFIX_PIECES = 6 };

/* In the order of the option's words. */
enum policy_action { POLICY_MIGRATE, POLICY_RECOMPACT, POLICY_TRANSITION, POLICY_SWEEP, POLICY_ENCRYPT };

/* What happens to an object in a bucket of an S3 server that keeps versions. In the order of the option's words. */
enum policy_versions { POLICY_KEEPS_VERSIONS, POLICY_REPLACES_VERSIONS };

struct policy_rule {
    char name[INI_NAME_BYTES_MAX + 1];
    unsigned line;       /* of its first entry */
    uint64_t action;     /* enum policy_action */
    uint64_t versions;   /* enum policy_versions */
    uint64_t level;      /* of recompact and transition; 0, of the latter: bodies stay */
    char *storage_class; /* of transition: where to; else NULL */
    char *bucket;        /* NULL: all */
    char *pieces[POLICY_PREFIX_PIECES];
    char prefix[OBJECT_KEY_BYTES_MAX]; /* decoded, of all pieces */
    size_t prefix_bytes;
    char *ending; /* NULL: any */
    uint64_t least_size;
    uint64_t older_than_ms;
    uint64_t least_gain; /* percent */
    uint64_t pays_back;  /* months; 0: whatever it costs */
};

struct policy {
    struct policy_rule rules[POLICY_RULES_MAX]; /* in the order of the file */
    unsigned count;
};

/* False: *error says how many errors there are, or the first where the file is no INI; each is a line in `errors`,
 * "path:line: sentence". policy_free is due in any case. */
bool policy_load(const char *path, struct policy *ret_policy, FILE *errors, struct error *error);
/* The same from text; `path` is what refusals name. */
bool policy_parse(const char *path, struct span text, struct policy *ret_policy, FILE *errors, struct error *error);
void policy_free(struct policy *policy);

/* "recompact" */
const char *policy_action_name(enum policy_action action);
/* Has it a rule by which Bale's own objects are written anew, recompact, transition or encrypt? */
bool policy_rewrites(const struct policy *policy);
bool policy_encrypts(const struct policy *policy);

/* Has it a rule about objects, any but sweep? */
bool policy_has_objects(const struct policy *policy);

/* Is the object one of those that the rule is about? Not by its size or age. */
bool policy_rule_is_of(const struct policy_rule *rule, const struct object_name *name);
