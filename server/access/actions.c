/* server/access/actions.c -- the tables of actions and condition keys, and finding in them by name. */
#include "server/access/actions.h"

#include "runtime/base/assert.h"

enum { KEY_PART_BYTES_MAX = 128 }; /* of a tag's key */

#define BIT(id) CONDITION_KEY_BIT(KEY_##id)
#define KEYS_NONE UINT64_C(0)
#define KEYS_LIST (BIT(prefix) | BIT(delimiter) | BIT(max_keys))
#define KEYS_ACL                                                                                  \
    (BIT(acl) | BIT(grant_read) | BIT(grant_write) | BIT(grant_read_acp) | BIT(grant_write_acp) | \
     BIT(grant_full_control))
#define KEYS_CREATE_BUCKET (BIT(object_ownership) | BIT(locationconstraint))
#define KEYS_EXISTING_TAGS BIT(ExistingObjectTag)
#define KEYS_REQUEST_TAGS (BIT(RequestObjectTag) | BIT(RequestObjectTagKeys))
#define KEYS_VERSION BIT(VersionId)
#define KEYS_RETENTION (BIT(lock_mode) | BIT(lock_retain_until_date) | BIT(lock_remaining_retention_days))
#define KEYS_LEGAL_HOLD BIT(lock_legal_hold)
#define KEYS_PUT_OBJECT                                                                             \
    (BIT(storage_class) | BIT(metadata_directive) | BIT(server_side_encryption) | BIT(kms_key_id) | \
     BIT(customer_algorithm) | BIT(website_redirect_location) | BIT(copy_source) | BIT(if_match) | BIT(if_none_match))
#define KEYS_OF_ALL ((BIT(PrincipalOrgID) << 1) - 1)

static const struct action_entry {
    const char *name;
    enum action_resource resource;
    uint64_t keys;
} actions[ACTIONS_COUNT] = {
#define ACTION(name, resource, keys) {"s3:" #name, RESOURCE_##resource, keys},
#include "server/access/actions.def"
#undef ACTION
};

static const struct key_entry {
    const char *name;
    enum condition_key_form form;
} condition_keys[CONDITION_KEYS_COUNT] = {
#define CONDITION_KEY(id, name, form) {name, KEY_FORM_##form},
#include "server/access/condition_keys.def"
#undef CONDITION_KEY
};

_Static_assert(CONDITION_KEYS_COUNT <= 64, "a set of condition keys is one mask");

const char *action_name(enum s3_action action)
{
    ASSERT(action < ACTIONS_COUNT);
    return actions[action].name;
}

enum action_resource action_resource(enum s3_action action)
{
    ASSERT(action < ACTIONS_COUNT);
    return actions[action].resource;
}

uint64_t action_condition_keys(enum s3_action action)
{
    ASSERT(action < ACTIONS_COUNT);
    return actions[action].keys | KEYS_OF_ALL;
}

enum s3_action action_find(struct span name)
{
    for (enum s3_action action = 0; action < ACTIONS_COUNT; action++)
        if (span_equal_ignore_case(name, span_from_string(actions[action].name)))
            return action;
    return ACTION_NONE;
}

const char *condition_key_name(enum condition_key key)
{
    ASSERT(key < CONDITION_KEYS_COUNT);
    return condition_keys[key].name;
}

enum condition_key_form condition_key_form(enum condition_key key)
{
    ASSERT(key < CONDITION_KEYS_COUNT);
    return condition_keys[key].form;
}

bool condition_key_find(struct span name, enum condition_key *ret_key, struct span *ret_part)
{
    size_t slash = span_find(name, '/');
    struct span stem = slash == SIZE_MAX ? name : span_take(name, slash);
    struct span part = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(name, slash + 1);
    for (enum condition_key key = 0; key < CONDITION_KEYS_COUNT; key++) {
        if (!span_equal_ignore_case(stem, span_from_string(condition_keys[key].name)))
            continue;
        bool has_part = part.size > 0 && part.size <= KEY_PART_BYTES_MAX;
        if (condition_keys[key].form == KEY_FORM_PART ? !has_part : slash != SIZE_MAX)
            return false;
        *ret_key = key;
        *ret_part = part;
        return true;
    }
    return false;
}
