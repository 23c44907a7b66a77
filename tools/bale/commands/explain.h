/* tools/bale/commands/explain.h -- what bale explain was asked, and what came out: between asking (explain.c) and
 * telling (explain_tell.c). */
#pragma once

#include "runtime/base/arena.h"
#include "server/access/access.h"
#include "server/access/policy/json.h"

enum { EXPLAIN_LOOKED_UP_MAX = 64 };

/* A condition key that the policy wanted to know; beyond the bound they are not noted. */
struct looked_up {
    enum condition_key key;
    struct span part; /* behind the slash */
    struct policy_values values;
};

struct explanation {
    struct arena arena;
    /* asked */
    const struct account *account; /* NULL: anonymous */
    enum s3_action action;
    struct span bucket; /* empty: the account itself */
    struct span key;
    const struct json_value *context; /* --context; NULL: none */
    int64_t now_ms;
    /* found */
    struct access_bucket access;
    struct span object_owner;
    struct span object_acl; /* packed */
    bool has_object;        /* it was looked at */
    struct looked_up looked_up[EXPLAIN_LOOKED_UP_MAX];
    unsigned looked_up_count;
    struct access_answer answer;
};

/* To standard output: some lines for people, or one of JSON. */
void explain_tell(const struct explanation *explanation);
void explain_tell_json(const struct explanation *explanation);
