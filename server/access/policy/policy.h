/* server/access/policy/policy.h -- the language of policies: bytes in, a compiled policy, and for each question a
 * decision.
 *
 * Pure: no store, no clock, no fibers. What a condition wants to know of a request it asks through the question's
 * `find`, and only when everything else of the statement matches.
 *
 * Ownership. A compiled policy lies in the arena that it was compiled into and keeps spans of the document: both live
 * as long as it. It is immutable and may be read by any number of threads.
 *
 * Cost. Compiled once per change. A question looks only at the statements that speak of its action, denying ones first.
 * In a pattern what stands between two stars is looked for as a whole; only runs with "?" or variables in them, of
 * which a policy has at most POLICY_TRIES_MAX, are tried place by place. Nothing is taken back further than one run,
 * and nothing recurses (statement 542).
 *
 * Bounds. A bucket's policy has at most POLICY_BYTES_MAX bytes, an identity's POLICY_IDENTITY_BYTES_MAX; JSON is at
 * most 8 deep; an arena of POLICY_ARENA_BYTES takes whatever fits in these.
 *
 * Source: section AE (504 to 545), 624 for the policies of identities. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "server/access/actions.h"

enum {
    POLICY_BYTES_MAX = 20480,
    POLICY_IDENTITY_BYTES_MAX = 6144,
    POLICY_TRIES_MAX = 256, /* "?" and variables in all its patterns */
    POLICY_ARENA_BYTES = 4 << 20,
    POLICY_BUCKET_BYTES_MAX = 63, /* of a question's */
    POLICY_KEY_BYTES_MAX = 1024,
};

struct policy;

/* A bucket's policy. `bucket` is the name of the bucket that it is for; every Resource must be able to match it or its
 * objects. ERROR_INVALID with S3_MalformedPolicy and a message that names what is wrong, and in which statement
 * (counted from 1). A document that was accepted compiles again from the same bytes. */
bool policy_compile(struct span document, struct span bucket, struct arena *arena, const struct policy **ret_policy,
                    struct error *error);
/* A user's, role's or session's: the same language without Principal, for any bucket. The error has no code: that is
 * the caller's, who speaks IAM. */
bool policy_compile_identity(struct span document, struct arena *arena, const struct policy **ret_policy,
                             struct error *error);

/* Who asks. An account's own keys are ASKER_ACCOUNT (its root); users, roles and sessions belong to an account. */
enum policy_asker_kind { ASKER_ANONYMOUS, ASKER_ACCOUNT, ASKER_USER, ASKER_ROLE, ASKER_SESSION };

struct policy_asker {
    enum policy_asker_kind kind;
    struct span account; /* its id; empty for anonymous */
    struct span name;    /* of the user or the role, with its path */
    struct span session; /* of ASKER_SESSION */
};

struct policy_values {
    const struct span *values; /* decoded; must stay where they are until policy_evaluate returns */
    unsigned count;            /* 0: the key is absent, or the set empty */
};

struct policy_question {
    struct policy_asker asker;
    bool only_denies; /* something else allows it: no Allow is looked for */
    enum s3_action action;
    struct span bucket; /* empty: the account itself (s3:ListAllMyBuckets) */
    struct span key;    /* decoded; empty: the bucket */
    /* What the request has of a condition key; `part` is what stands behind the slash (a tag's key). May be asked
     * again, may suspend. False: it could not be found out, and then nothing is decided. NULL: all keys are absent.
     * aws:CurrentTime is ISO 8601, aws:EpochTime seconds, booleans "true" or "false", numbers decimal. */
    bool (*find)(void *context, enum condition_key key, struct span part, struct policy_values *ret_values);
    void *context;
};

enum policy_effect {
    POLICY_NONE,      /* no statement matches */
    POLICY_ALLOW,     /* an Allow matches, and no Deny */
    POLICY_DENY,      /* a Deny matches: final, whatever else allows (529) */
    POLICY_UNDECIDED, /* `find` failed: to be refused; why is known to whoever gave `find` */
};

struct policy_decision {
    enum policy_effect effect;
    /* An Allow speaks of everyone, or of the very identity that asks, and not only of its account (532). */
    bool by_name;
    /* Which statement decided: of which policy, its position in the document from 0, and its Sid (may be empty). */
    unsigned policy;
    unsigned statement;
    struct span sid;
};

struct policy_decision policy_evaluate(const struct policy *policy, const struct policy_question *question);
/* All policies of one kind as if they were one: a Deny in any of them decides. */
struct policy_decision policy_evaluate_all(const struct policy *const *policies, unsigned count,
                                           const struct policy_question *question);

/* Does some Allow hold for everyone, without a condition that ties it to fixed values (538, 539)? */
bool policy_is_public(const struct policy *policy);
