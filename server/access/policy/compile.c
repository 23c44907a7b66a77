/* server/access/policy/compile.c -- a document becomes a policy: 504 to 514, 518. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/access/policy/policy_private.h"

#include <stdio.h>

/* ---- refusals ---- */

enum { SHOWN_BYTES = 64 };

/* Where the compiler stands, for the end of a message. */
static const char *place(const struct compiler *compiler, char ret_place[32])
{
    ret_place[0] = '\0';
    if (compiler->statement > 0)
        (void)snprintf(ret_place, 32, " (statement %u)", compiler->statement);
    return ret_place;
}

/* What a client sent, as it may be shown: cut, and without bytes that are not ASCII's printable ones. */
static const char *shown(struct span text, char ret_shown[SHOWN_BYTES + 1])
{
    struct span cut = span_take(text, SHOWN_BYTES);
    for (size_t i = 0; i < cut.size; i++)
        ret_shown[i] = (char)(cut.data[i] >= ' ' && cut.data[i] < 0x7F ? cut.data[i] : '?');
    ret_shown[cut.size] = '\0';
    return ret_shown;
}

bool compiler_refuse(const struct compiler *compiler, const char *what, struct span text)
{
    char where[32];
    char part[SHOWN_BYTES + 1];
    if (text.data == NULL)
        return error_set(compiler->error, ERROR_INVALID, compiler->code, "%s%s", what, place(compiler, where));
    return error_set(compiler->error, ERROR_INVALID, compiler->code, "%s: \"%s\"%s", what, shown(text, part),
                     place(compiler, where));
}

bool compiler_refuse_size(const struct compiler *compiler)
{
    return error_set(compiler->error, ERROR_TOO_LARGE, compiler->code, "The policy has too many parts");
}

bool compiler_pass_on(const struct compiler *compiler, const char *what)
{
    char where[32];
    char detail[ERROR_MESSAGE_BYTES];
    memcpy(detail, compiler->error->message, sizeof detail);
    return error_set(compiler->error, compiler->error->kind, compiler->code, "%s: %s%s", what, detail,
                     place(compiler, where));
}

/* ---- elements ---- */

const struct json_value *json_next_item(const struct json_value *value, const struct json_value *item)
{
    if (value->kind == JSON_LIST)
        return item == NULL ? value->first : item->next;
    return item == NULL ? value : NULL;
}

unsigned json_items_count(const struct json_value *value)
{
    return value->kind == JSON_LIST ? value->count : 1;
}

/* One of `known`, which ends with NULL? */
static bool elements_are_known(const struct compiler *compiler, const struct json_value *object,
                               const char *const *known)
{
    for (const struct json_value *member = object->first; member != NULL; member = member->next) {
        const char *const *name = known;
        while (*name != NULL && !span_equal(member->name, span_from_string(*name)))
            name++;
        if (*name == NULL)
            return compiler_refuse(compiler, "Unknown field", member->name);
    }
    return true;
}

/* Exactly one of the pair `name` and "Not" `name`. */
static bool take_pair(const struct compiler *compiler, const struct json_value *object, const char *name,
                      const char *inverse, const struct json_value **ret_value, bool *ret_inverts)
{
    const struct json_value *plain = json_member(object, name);
    const struct json_value *inverted = json_member(object, inverse);
    *ret_value = plain != NULL ? plain : inverted;
    *ret_inverts = inverted != NULL;
    if (*ret_value == NULL)
        return compiler_refuse(compiler, "Missing required field", span_from_string(name));
    if (plain != NULL && inverted != NULL)
        return compiler_refuse(compiler, "Both fields of a pair", span_from_string(inverse));
    return true;
}

/* The text of an optional element. */
static bool take_text(const struct compiler *compiler, const struct json_value *object, const char *name,
                      struct span *ret_text)
{
    const struct json_value *value = json_member(object, name);
    *ret_text = SPAN_EMPTY;
    if (value == NULL)
        return true;
    if (value->kind != JSON_STRING)
        return compiler_refuse(compiler, "No string in field", span_from_string(name));
    *ret_text = value->text;
    return true;
}

/* ---- resources ---- */

static const char invalid_resource[] = "Policy has invalid resource";

/* From an ARN of S3 what stands behind region and account, which are empty or a star. */
static bool take_resource(struct span arn, bool has_variables, struct span *ret_resource)
{
    struct span parts[ARN_PARTS];
    *ret_resource = arn;
    if (span_equal(arn, SPAN("*")))
        return true;
    if (!value_split_arn(arn, has_variables, parts) || !span_equal(parts[0], SPAN("arn")) ||
        !span_equal(parts[1], SPAN("aws")) || !span_equal(parts[2], SPAN("s3")))
        return false;
    for (unsigned i = 3; i < 5; i++)
        if (parts[i].size > 0 && !span_equal(parts[i], SPAN("*")))
            return false;
    *ret_resource = parts[5];
    return ret_resource->size > 0;
}

/* One of them: into *ret_pattern, and whether it can match the compiler's bucket or its objects. */
static bool compile_resource(const struct compiler *compiler, const struct json_value *item,
                             struct pattern *ret_pattern, struct statement *statement, bool reached[3])
{
    const struct pattern_syntax syntax = {.has_wildcards = true, .has_variables = compiler->has_variables};
    struct span text;
    bool itself;
    bool below;
    if (item->kind != JSON_STRING || !take_resource(item->text, compiler->has_variables, &text))
        return compiler_refuse(compiler, invalid_resource, item->text);
    if (!pattern_compile(text, syntax, compiler->arena, ret_pattern, &statement->needs, compiler->error))
        return compiler_pass_on(compiler, invalid_resource);
    if (!compiler->for_bucket)
        return true;
    if (!pattern_reach(ret_pattern, compiler->bucket, compiler->scratch, &itself, &below))
        return compiler_refuse_size(compiler);
    reached[RESOURCE_BUCKET] |= itself;
    reached[RESOURCE_OBJECT] |= below;
    return itself || below || compiler_refuse(compiler, invalid_resource, item->text);
}

/* reached[kind]: the statement can speak of such a resource. */
static bool compile_resources(const struct compiler *compiler, const struct json_value *object,
                              struct statement *statement, bool reached[3])
{
    const struct json_value *value;
    if (!take_pair(compiler, object, "Resource", "NotResource", &value, &statement->inverts_resources))
        return false;
    statement->resources_count = json_items_count(value);
    if (statement->resources_count == 0)
        return compiler_refuse(compiler, invalid_resource, SPAN_EMPTY);
    struct pattern *patterns = arena_allocate(compiler->arena, statement->resources_count * sizeof *patterns);
    if (patterns == NULL)
        return compiler_refuse_size(compiler);
    statement->resources = patterns;
    for (const struct json_value *item = NULL; (item = json_next_item(value, item)) != NULL;)
        if (!compile_resource(compiler, item, patterns++, statement, reached))
            return false;
    if (statement->inverts_resources || !compiler->for_bucket)
        reached[RESOURCE_BUCKET] = reached[RESOURCE_OBJECT] = true;
    reached[RESOURCE_ACCOUNT] = !compiler->for_bucket;
    return true;
}

/* ---- actions ---- */

enum { ACTION_BYTES_MAX = 128 };

static void lower(struct span text, char *ret_lower)
{
    for (size_t i = 0; i < text.size; i++)
        ret_lower[i] = (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20 : text.data[i]);
}

/* Adds to *set what one action with wildcards names; false: nothing, or no memory. */
static bool add_actions(const struct compiler *compiler, struct span text, struct action_set *set)
{
    char wanted[ACTION_BYTES_MAX];
    char name[ACTION_BYTES_MAX];
    struct pattern pattern;
    struct pattern_needs needs = {0};
    bool found = false;
    if (text.size > sizeof wanted)
        return false;
    lower(text, wanted);
    struct span lowered = span_of(wanted, text.size);
    if (!span_equal(lowered, SPAN("*")) && !span_starts_with(lowered, SPAN("s3:")))
        return false;
    if (!pattern_compile(lowered, (struct pattern_syntax){.has_wildcards = true}, compiler->scratch, &pattern, &needs,
                         compiler->error))
        return false;
    for (enum s3_action action = 0; action < ACTIONS_COUNT; action++) {
        struct span known = span_from_string(action_name(action));
        ASSERT(known.size <= sizeof name);
        lower(known, name);
        if (pattern_match(&pattern, NULL, span_of(name, known.size))) {
            action_set_add(set, action);
            found = true;
        }
    }
    return found;
}

static bool applies(const struct action_set *set, const bool reached[3])
{
    for (enum s3_action action = 0; action < ACTIONS_COUNT; action++)
        if (action_set_has(set, action) && reached[action_resource(action)])
            return true;
    return false;
}

/* All that the statement does not name. */
static struct action_set inverse_of(const struct action_set *set)
{
    struct action_set inverse = {0};
    for (enum s3_action action = 0; action < ACTIONS_COUNT; action++)
        if (!action_set_has(set, action))
            action_set_add(&inverse, action);
    return inverse;
}

static bool compile_actions(const struct compiler *compiler, const struct json_value *object,
                            struct statement *statement, const bool reached[3])
{
    static const char no_resource[] = "Action does not apply to any resource(s) in statement";
    const struct json_value *value;
    bool inverts;
    if (!take_pair(compiler, object, "Action", "NotAction", &value, &inverts))
        return false;
    for (const struct json_value *item = NULL; (item = json_next_item(value, item)) != NULL;) {
        struct action_set of_item = {0};
        if (item->kind != JSON_STRING || !add_actions(compiler, item->text, &of_item))
            return compiler_refuse(compiler, "Policy has invalid action", item->text);
        if (!inverts && !applies(&of_item, reached))
            return compiler_refuse(compiler, no_resource, item->text);
        for (size_t i = 0; i < sizeof of_item.bits / sizeof of_item.bits[0]; i++)
            statement->actions.bits[i] |= of_item.bits[i];
    }
    if (json_items_count(value) == 0)
        return compiler_refuse(compiler, "Policy has invalid action", SPAN_EMPTY);
    if (inverts)
        statement->actions = inverse_of(&statement->actions);
    return applies(&statement->actions, reached) || compiler_refuse(compiler, no_resource, SPAN_EMPTY);
}

/* What a request can have that the statement may speak of. */
static uint64_t keys_of(const struct statement *statement, const bool reached[3])
{
    uint64_t keys = 0;
    for (enum s3_action action = 0; action < ACTIONS_COUNT; action++)
        if (action_set_has(&statement->actions, action) && reached[action_resource(action)])
            keys |= action_condition_keys(action);
    return keys;
}

/* ---- statements ---- */

static bool compile_effect(const struct compiler *compiler, const struct json_value *object,
                           struct statement *statement)
{
    struct span effect;
    if (json_member(object, "Effect") == NULL)
        return compiler_refuse(compiler, "Missing required field", SPAN("Effect"));
    if (!take_text(compiler, object, "Effect", &effect))
        return false;
    statement->denies = span_equal(effect, SPAN("Deny"));
    return statement->denies || span_equal(effect, SPAN("Allow")) ||
           compiler_refuse(compiler, "Invalid effect", effect);
}

static bool compile_principals(const struct compiler *compiler, const struct json_value *object,
                               struct statement *statement)
{
    const struct json_value *value;
    if (!compiler->for_bucket) {
        bool named = json_member(object, "Principal") != NULL || json_member(object, "NotPrincipal") != NULL;
        return !named || compiler_refuse(compiler, "Unknown field", SPAN("Principal"));
    }
    if (!take_pair(compiler, object, "Principal", "NotPrincipal", &value, &statement->inverts_principals))
        return false;
    if (statement->inverts_principals && !statement->denies)
        return compiler_refuse(compiler, "Allow with NotPrincipal", SPAN_EMPTY);
    return principals_compile(compiler, value, statement);
}

static bool compile_statement(const struct compiler *compiler, const struct json_value *object,
                              struct statement *ret_statement)
{
    static const char *const known[] = {"Sid",       "Effect",   "Principal",   "NotPrincipal", "Action",
                                        "NotAction", "Resource", "NotResource", "Condition",    NULL};
    bool reached[3] = {false};
    *ret_statement = (struct statement){.position = compiler->statement - 1};
    if (object->kind != JSON_OBJECT)
        return compiler_refuse(compiler, "Statement is not an object", SPAN_EMPTY);
    if (!elements_are_known(compiler, object, known) || !take_text(compiler, object, "Sid", &ret_statement->sid) ||
        !compile_effect(compiler, object, ret_statement) || !compile_principals(compiler, object, ret_statement) ||
        !compile_resources(compiler, object, ret_statement, reached) ||
        !compile_actions(compiler, object, ret_statement, reached))
        return false;
    const struct json_value *condition = json_member(object, "Condition");
    return condition == NULL || conditions_compile(compiler, condition, keys_of(ret_statement, reached), ret_statement);
}

static bool sids_differ(const struct compiler *compiler, const struct statement *statements, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            if (statements[i].sid.size > 0 && span_equal(statements[i].sid, statements[j].sid))
                return compiler_refuse(compiler, "Duplicate Sid", statements[i].sid);
    return true;
}

/* ---- the policy ---- */

/* The bound on what one question may cost (542). */
static bool tries_are_few(const struct compiler *compiler, const struct statement *statements, unsigned count)
{
    unsigned tries = 0;
    for (unsigned i = 0; i < count; i++)
        tries += statements[i].needs.tries;
    return tries <= POLICY_TRIES_MAX ||
           compiler_refuse(compiler, "The policy has too many \"?\" and variables", SPAN_EMPTY);
}

/* The same statements, those that deny first. */
static void sort_denying_first(struct statement *ret_sorted, const struct statement *statements, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (statements[i].denies)
            *ret_sorted++ = statements[i];
    for (unsigned i = 0; i < count; i++)
        if (!statements[i].denies)
            *ret_sorted++ = statements[i];
}

static bool index_by_action(const struct compiler *compiler, struct policy *policy)
{
    unsigned words = (policy->count + 63) / 64;
    uint64_t *by_action = arena_allocate(compiler->arena, sizeof *by_action * words * ACTIONS_COUNT);
    if (by_action == NULL)
        return compiler_refuse_size(compiler);
    memset(by_action, 0, sizeof *by_action * words * ACTIONS_COUNT);
    for (unsigned i = 0; i < policy->count; i++)
        for (enum s3_action action = 0; action < ACTIONS_COUNT; action++)
            if (action_set_has(&policy->statements[i].actions, action))
                by_action[action * words + i / 64] |= UINT64_C(1) << i % 64;
    policy->words_per_action = words;
    policy->by_action = by_action;
    return true;
}

static bool compile_statements(struct compiler *compiler, const struct json_value *value, struct policy *policy)
{
    policy->count = value == NULL ? 0 : json_items_count(value);
    if (policy->count == 0)
        return compiler_refuse(compiler, "Missing required field", SPAN("Statement"));
    struct statement *read = arena_allocate(compiler->scratch, policy->count * sizeof *read);
    struct statement *sorted = arena_allocate(compiler->arena, policy->count * sizeof *sorted);
    if (read == NULL || sorted == NULL)
        return compiler_refuse_size(compiler);
    for (const struct json_value *item = NULL; (item = json_next_item(value, item)) != NULL;) {
        compiler->statement++;
        if (!compile_statement(compiler, item, &read[compiler->statement - 1]))
            return false;
    }
    compiler->statement = 0;
    if (!sids_differ(compiler, read, policy->count) || !tries_are_few(compiler, read, policy->count))
        return false;
    sort_denying_first(sorted, read, policy->count);
    policy->statements = sorted;
    return index_by_action(compiler, policy);
}

static bool compile_document(struct compiler *compiler, struct span document, struct policy *policy)
{
    static const char *const known[] = {"Version", "Id", "Statement", NULL};
    const struct json_value *root;
    struct span version;
    struct span id;
    if (!json_parse(document, compiler->scratch, compiler->arena, &root, compiler->error)) {
        compiler->error->code = compiler->code;
        return false;
    }
    if (!elements_are_known(compiler, root, known) || !take_text(compiler, root, "Version", &version) ||
        !take_text(compiler, root, "Id", &id))
        return false;
    compiler->has_variables = span_equal(version, SPAN("2012-10-17"));
    if (!compiler->has_variables && json_member(root, "Version") != NULL && !span_equal(version, SPAN("2008-10-17")))
        return compiler_refuse(compiler, "The policy must contain a valid version string", version);
    return compile_statements(compiler, json_member(root, "Statement"), policy);
}

static bool compile(struct compiler *compiler, struct span document, size_t bytes_max, const struct policy **ret_policy)
{
    struct arena scratch;
    if (document.size > bytes_max)
        return error_set(compiler->error, ERROR_INVALID, compiler->code, "The policy has %zu bytes, more than %zu",
                         document.size, bytes_max);
    struct policy *policy = arena_allocate(compiler->arena, sizeof *policy);
    if (policy == NULL)
        return compiler_refuse_size(compiler);
    *policy = (struct policy){.for_bucket = compiler->for_bucket};
    arena_init(&scratch, POLICY_ARENA_BYTES);
    compiler->scratch = &scratch;
    bool compiled = compile_document(compiler, document, policy);
    arena_free(&scratch);
    compiler->scratch = NULL;
    if (compiled)
        *ret_policy = policy;
    return compiled;
}

bool policy_compile(struct span document, struct span bucket, struct arena *arena, const struct policy **ret_policy,
                    struct error *error)
{
    struct compiler compiler = {
        .arena = arena, .code = S3_MalformedPolicy, .bucket = bucket, .for_bucket = true, .error = error};
    ASSERT(bucket.size > 0);
    return compile(&compiler, document, POLICY_BYTES_MAX, ret_policy);
}

bool policy_compile_identity(struct span document, struct arena *arena, const struct policy **ret_policy,
                             struct error *error)
{
    struct compiler compiler = {.arena = arena, .error = error};
    return compile(&compiler, document, POLICY_IDENTITY_BYTES_MAX, ret_policy);
}
