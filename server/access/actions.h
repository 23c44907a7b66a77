/* server/access/actions.h -- the vocabulary of policies: the actions of S3, what each is done to, and the condition
 * keys that a request for it may have.
 *
 * The tables are actions.def and condition_keys.def; operations, the compiler of policies and the documents speak from
 * them. All of it is constant and belongs to nobody. Source: statements 511 to 526, the table of section AE. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum s3_action {
#define ACTION(name, resource, keys) ACTION_##name,
#include "server/access/actions.def"
#undef ACTION
    ACTIONS_COUNT,
};

/* A request asks for one of them; NONE where nothing is to be asked. */
#define ACTION_NONE ACTIONS_COUNT

enum action_resource { RESOURCE_ACCOUNT, RESOURCE_BUCKET, RESOURCE_OBJECT };

enum condition_key {
#define CONDITION_KEY(id, name, form) KEY_##id,
#include "server/access/condition_keys.def"
#undef CONDITION_KEY
    CONDITION_KEYS_COUNT,
};

enum condition_key_form { KEY_FORM_ONE, KEY_FORM_PART, KEY_FORM_SET };

#define CONDITION_KEY_BIT(key) (UINT64_C(1) << (key))

/* With "s3:", as IAM writes it. */
const char *action_name(enum s3_action action);
enum action_resource action_resource(enum s3_action action);
/* The keys that a request for it may have, those of all actions with them: a mask of CONDITION_KEY_BIT. */
uint64_t action_condition_keys(enum s3_action action);
/* By its whole name, letters in either case; ACTION_NONE when there is no such action. */
enum s3_action action_find(struct span name);

const char *condition_key_name(enum condition_key key);
enum condition_key_form condition_key_form(enum condition_key key);
/* By its name, letters in either case, and where the form is PART what stands behind the slash (not empty, at most
 * 128 bytes). False: no such key. */
bool condition_key_find(struct span name, enum condition_key *ret_key, struct span *ret_part);

/* A set of actions. */
struct action_set {
    uint64_t bits[(ACTIONS_COUNT + 63) / 64];
};

static inline bool action_set_has(const struct action_set *set, enum s3_action action)
{
    return (set->bits[action / 64] >> (action % 64) & 1) != 0;
}

static inline void action_set_add(struct action_set *set, enum s3_action action)
{
    set->bits[action / 64] |= UINT64_C(1) << (action % 64);
}
