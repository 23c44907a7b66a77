/* server/access/policy/policy_private.h -- what a compiled policy is, for the files of this folder. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "server/access/policy/json.h"
#include "server/access/policy/pattern.h"
#include "server/access/policy/policy.h"
#include "server/access/policy/values.h"

/* ---- compiled ---- */

enum principal_kind {
    PRINCIPAL_EVERYONE, /* anonymous too */
    PRINCIPAL_ACCOUNT,  /* and every identity of it */
    PRINCIPAL_USER,
    PRINCIPAL_ROLE, /* and all its sessions */
    PRINCIPAL_SESSION,
    PRINCIPAL_NOBODY, /* services */
};

struct principal {
    enum principal_kind kind;
    struct span account;
    struct span name;
    struct span session;
};

enum operator_type {
    TYPE_STRING,
    TYPE_STRING_IGNORE_CASE,
    TYPE_STRING_LIKE,
    TYPE_NUMBER,
    TYPE_MOMENT,
    TYPE_BOOLEAN,
    TYPE_BINARY,
    TYPE_NETWORK,
    TYPE_ARN,
    TYPE_NULL,
};

enum comparison { COMPARE_EQUAL, COMPARE_LESS, COMPARE_LESS_EQUAL, COMPARE_GREATER, COMPARE_GREATER_EQUAL };

struct condition_test {
    const char *name;
    enum operator_type type;
    enum comparison comparison;
    bool negated;
};

enum quantifier { QUANTIFIER_NONE, QUANTIFIER_ALL, QUANTIFIER_ANY };

union condition_value {
    struct pattern pattern; /* of the STRING types */
    double number;
    int64_t moment_ms;
    bool boolean; /* NULL too */
    struct span binary;
    struct network network;
    const struct pattern *arn; /* ARN_PARTS of them */
};

struct condition {
    const struct condition_test *test;
    enum quantifier quantifier;
    bool if_exists;
    enum condition_key key;
    struct span part; /* of the key, behind the slash */
    const union condition_value *values;
    unsigned count;
};

struct statement {
    bool denies;
    bool inverts_principals; /* NotPrincipal */
    bool inverts_resources;  /* NotResource */
    unsigned position;       /* in the document, from 0 */
    struct span sid;
    struct action_set actions; /* NotAction is turned round already */
    const struct principal *principals;
    unsigned principals_count;
    const struct pattern *resources; /* of what stands behind "arn:aws:s3:::" */
    unsigned resources_count;
    const struct condition *conditions;
    unsigned conditions_count;
    struct pattern_needs needs;
};

struct policy {
    const struct statement *statements; /* those that deny first */
    unsigned count;
    bool for_bucket;           /* statements have principals */
    unsigned words_per_action; /* of by_action */
    /* by_action[action * words_per_action ...]: a bit for each statement that speaks of the action */
    const uint64_t *by_action;
};

/* ---- compiling ---- */

struct compiler {
    struct arena *arena;   /* what stays */
    struct arena *scratch; /* the document's tree, and what is needed for a moment */
    const char *code;      /* of the error */
    struct span bucket;
    bool for_bucket;
    bool has_variables; /* Version 2012-10-17 */
    unsigned statement; /* from 1; 0: beside all of them */
    struct error *error;
};

/* `What "text" (statement N)`; text is cut and made printable, NULL data: none. Returns false. */
__attribute__((cold)) bool compiler_refuse(const struct compiler *compiler, const char *what, struct span text);
/* An arena is full. Returns false. */
__attribute__((cold)) bool compiler_refuse_size(const struct compiler *compiler);
/* A pattern or the JSON was refused by what lies below: `what` before it, code and statement added. Returns false. */
__attribute__((cold)) bool compiler_pass_on(const struct compiler *compiler, const char *what);

/* Elements may be one value or a list of them: the item behind `item` (NULL: the first), or NULL. */
const struct json_value *json_next_item(const struct json_value *value, const struct json_value *item);
unsigned json_items_count(const struct json_value *value);

/* "Principal" or "NotPrincipal". */
bool principals_compile(const struct compiler *compiler, const struct json_value *value, struct statement *statement);
/* "Condition". Keys must be of `keys`, what the statement's actions can have. */
bool conditions_compile(const struct compiler *compiler, const struct json_value *value, uint64_t keys,
                        struct statement *statement);

/* ---- asking ---- */

enum principal_match { PRINCIPAL_DIFFERS, PRINCIPAL_OF_ACCOUNT, PRINCIPAL_BY_NAME };

/* The strongest way in which one of the principals speaks of the asker. */
enum principal_match principals_match(const struct principal *principals, unsigned count,
                                      const struct policy_asker *asker);

/* `values` is what the request has of the key; `variables` as pattern_match takes them. */
bool condition_holds(const struct condition *condition, const struct policy_values *values,
                     const struct span *variables);
/* It ties the key to values that stand in the policy and are narrow (538). */
bool condition_fixes(const struct condition *condition);
