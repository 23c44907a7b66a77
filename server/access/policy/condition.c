/* server/access/policy/condition.c -- conditions of statements: 515 to 519. */
#include "server/access/policy/policy_private.h"

#include "runtime/base/assert.h"
#include "runtime/base/base64.h"

static const struct condition_test operators[] = {
#define OPERATOR(name, type, comparison, negated) {#name, TYPE_##type, COMPARE_##comparison, negated},
#include "server/access/policy/operators.def"
#undef OPERATOR
};

/* ---- compiling: the operator ---- */

static const struct condition_test *find_operator(struct span name)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (span_equal(name, span_from_string(operators[i].name)))
            return &operators[i];
    return NULL;
}

/* [quantifier:]Name[IfExists] */
static bool parse_operator(struct span text, struct condition *ret_condition)
{
    *ret_condition = (struct condition){0};
    if (span_starts_with(text, SPAN("ForAllValues:"))) {
        ret_condition->quantifier = QUANTIFIER_ALL;
        text = span_skip(text, sizeof "ForAllValues:" - 1);
    } else if (span_starts_with(text, SPAN("ForAnyValue:"))) {
        ret_condition->quantifier = QUANTIFIER_ANY;
        text = span_skip(text, sizeof "ForAnyValue:" - 1);
    }
    if (span_ends_with(text, SPAN("IfExists"))) {
        ret_condition->if_exists = true;
        text = span_take(text, text.size - (sizeof "IfExists" - 1));
    }
    ret_condition->test = find_operator(text);
    return ret_condition->test != NULL && !(ret_condition->test->type == TYPE_NULL && ret_condition->if_exists);
}

/* ---- compiling: values ---- */

static const char invalid_value[] = "Policy has an invalid condition value";

static bool compile_pattern(const struct compiler *compiler, struct span text, struct pattern_syntax syntax,
                            struct pattern *ret_pattern, struct pattern_needs *needs)
{
    syntax.has_variables = compiler->has_variables;
    return pattern_compile(text, syntax, compiler->arena, ret_pattern, needs, compiler->error) ||
           compiler_pass_on(compiler, invalid_value);
}

static bool compile_arn(const struct compiler *compiler, struct span text, const struct pattern **ret_arn,
                        struct pattern_needs *needs)
{
    struct span parts[ARN_PARTS];
    if (!value_split_arn(text, compiler->has_variables, parts))
        return compiler_refuse(compiler, "Policy has an invalid condition value: no ARN", text);
    struct pattern *arn = arena_allocate(compiler->arena, ARN_PARTS * sizeof *arn);
    if (arn == NULL)
        return compiler_refuse_size(compiler);
    for (unsigned i = 0; i < ARN_PARTS; i++)
        if (!compile_pattern(compiler, parts[i], (struct pattern_syntax){.has_wildcards = true}, &arn[i], needs))
            return false;
    *ret_arn = arn;
    return true;
}

static bool compile_binary(const struct compiler *compiler, struct span text, struct span *ret_binary)
{
    size_t size = base64_decoded_bytes(text);
    uint8_t *bytes = arena_allocate(compiler->arena, size);
    if (bytes == NULL)
        return compiler_refuse_size(compiler);
    *ret_binary = span_of(bytes, size);
    return base64_decode(text, bytes, size) || compiler_refuse(compiler, invalid_value, text);
}

static bool compile_value(const struct compiler *compiler, const struct condition_test *test, struct span text,
                          union condition_value *ret_value, struct pattern_needs *needs)
{
    bool valid = false;
    switch (test->type) {
    case TYPE_STRING:
    case TYPE_STRING_IGNORE_CASE:
    case TYPE_STRING_LIKE:;
        struct pattern_syntax syntax = {.has_wildcards = test->type == TYPE_STRING_LIKE,
                                        .ignores_case = test->type == TYPE_STRING_IGNORE_CASE};
        return compile_pattern(compiler, text, syntax, &ret_value->pattern, needs);
    case TYPE_ARN:
        return compile_arn(compiler, text, &ret_value->arn, needs);
    case TYPE_BINARY:
        return compile_binary(compiler, text, &ret_value->binary);
    case TYPE_NUMBER:
        valid = value_parse_number(text, &ret_value->number);
        break;
    case TYPE_MOMENT:
        valid = value_parse_moment(text, &ret_value->moment_ms);
        break;
    case TYPE_BOOLEAN:
    case TYPE_NULL:
        valid = value_parse_boolean(text, &ret_value->boolean);
        break;
    case TYPE_NETWORK:
        valid = value_parse_network(text, &ret_value->network);
        break;
    }
    return valid || compiler_refuse(compiler, invalid_value, text);
}

static bool compile_values(const struct compiler *compiler, const struct json_value *value, struct condition *condition,
                           struct pattern_needs *needs)
{
    condition->count = json_items_count(value);
    if (condition->count == 0)
        return compiler_refuse(compiler, "Policy has a condition key without values", value->name);
    union condition_value *values = arena_allocate(compiler->arena, condition->count * sizeof *values);
    if (values == NULL)
        return compiler_refuse_size(compiler);
    condition->values = values;
    for (const struct json_value *item = NULL; (item = json_next_item(value, item)) != NULL; values++) {
        if (item->kind != JSON_STRING && item->kind != JSON_NUMBER && item->kind != JSON_BOOLEAN)
            return compiler_refuse(compiler, invalid_value, value->name);
        if (!compile_value(compiler, condition->test, item->text, values, needs))
            return false;
    }
    return true;
}

/* ---- compiling: the element ---- */

/* One key under an operator; `condition` has the operator. */
static bool compile_key(const struct compiler *compiler, const struct json_value *member, uint64_t keys,
                        struct condition *condition, struct pattern_needs *needs)
{
    if (!condition_key_find(member->name, &condition->key, &condition->part))
        return compiler_refuse(compiler, "Policy has an invalid condition key", member->name);
    if ((keys & CONDITION_KEY_BIT(condition->key)) == 0)
        return compiler_refuse(compiler, "Conditions do not apply to combination of actions and resources in statement",
                               member->name);
    return compile_values(compiler, member, condition, needs);
}

bool conditions_compile(const struct compiler *compiler, const struct json_value *value, uint64_t keys,
                        struct statement *statement)
{
    unsigned count = 0;
    if (value->kind != JSON_OBJECT)
        return compiler_refuse(compiler, "Condition is not an object", SPAN_EMPTY);
    for (const struct json_value *block = value->first; block != NULL; block = block->next) {
        if (block->kind != JSON_OBJECT || block->count == 0)
            return compiler_refuse(compiler, "Condition operator without keys", block->name);
        count += block->count;
    }
    struct condition *condition = arena_allocate(compiler->arena, count * sizeof *condition);
    if (condition == NULL)
        return compiler_refuse_size(compiler);
    statement->conditions = condition;
    statement->conditions_count = count;
    for (const struct json_value *block = value->first; block != NULL; block = block->next) {
        struct condition begun;
        if (!parse_operator(block->name, &begun))
            return compiler_refuse(compiler, "Invalid Condition type", block->name);
        for (const struct json_value *member = block->first; member != NULL; member = member->next) {
            *condition = begun;
            if (!compile_key(compiler, member, keys, condition++, &statement->needs))
                return false;
        }
    }
    return true;
}

/* ---- asking ---- */

static bool compares(enum comparison comparison, int order)
{
    switch (comparison) {
    case COMPARE_EQUAL:
        return order == 0;
    case COMPARE_LESS:
        return order < 0;
    case COMPARE_LESS_EQUAL:
        return order <= 0;
    case COMPARE_GREATER:
        return order > 0;
    case COMPARE_GREATER_EQUAL:
        return order >= 0;
    }
    UNREACHABLE();
}

static bool arn_matches(const struct pattern *arn, const struct span *variables, struct span text)
{
    struct span parts[ARN_PARTS];
    if (!value_split_arn(text, false, parts))
        return false;
    for (unsigned i = 0; i < ARN_PARTS; i++)
        if (!pattern_match(&arn[i], variables, parts[i]))
            return false;
    return true;
}

/* What the request has, read once and held against several values. */
struct asked {
    struct span text;
    bool valid; /* it could be read as the operator's type */
    double number;
    int64_t moment_ms;
    bool boolean;
    struct network network;
};

static struct asked read_asked(enum operator_type type, struct span text)
{
    struct asked asked = {.text = text, .valid = true};
    if (type == TYPE_NUMBER)
        asked.valid = value_parse_number(text, &asked.number);
    else if (type == TYPE_MOMENT)
        asked.valid = value_parse_moment(text, &asked.moment_ms);
    else if (type == TYPE_BOOLEAN)
        asked.valid = value_parse_boolean(text, &asked.boolean);
    else if (type == TYPE_NETWORK)
        asked.valid =
            value_parse_network(text, &asked.network) && asked.network.prefix_bits == asked.network.address_bits;
    return asked;
}

static bool value_matches(const struct condition_test *test, const union condition_value *value,
                          const struct span *variables, const struct asked *asked)
{
    switch (test->type) {
    case TYPE_STRING:
    case TYPE_STRING_IGNORE_CASE:
    case TYPE_STRING_LIKE:
        return pattern_match(&value->pattern, variables, asked->text);
    case TYPE_NUMBER:
        return compares(test->comparison, (asked->number > value->number) - (asked->number < value->number));
    case TYPE_MOMENT:
        return compares(test->comparison,
                        (asked->moment_ms > value->moment_ms) - (asked->moment_ms < value->moment_ms));
    case TYPE_BOOLEAN:
        return asked->boolean == value->boolean;
    case TYPE_BINARY:
        return span_equal(asked->text, value->binary);
    case TYPE_NETWORK:
        return network_has(&value->network, &asked->network);
    case TYPE_ARN:
        return arn_matches(value->arn, variables, asked->text);
    case TYPE_NULL:
        break;
    }
    UNREACHABLE();
}

/* One of the policy's values matches, before any negation. */
static bool some_matches(const struct condition *condition, const struct span *variables, struct span text)
{
    struct asked asked = read_asked(condition->test->type, text);
    for (unsigned i = 0; asked.valid && i < condition->count; i++)
        if (value_matches(condition->test, &condition->values[i], variables, &asked))
            return true;
    return false;
}

/* "true" wants the key absent; a quantifier changes nothing. */
static bool null_holds(const struct condition *condition, bool absent)
{
    for (unsigned i = 0; i < condition->count; i++)
        if (condition->values[i].boolean == absent)
            return true;
    return false;
}

bool condition_holds(const struct condition *condition, const struct policy_values *values,
                     const struct span *variables)
{
    bool negated = condition->test->negated;
    if (condition->test->type == TYPE_NULL)
        return null_holds(condition, values->count == 0);
    if (values->count == 0)
        return condition->if_exists || condition->quantifier == QUANTIFIER_ALL ||
               (condition->quantifier == QUANTIFIER_NONE && negated);
    if (condition->quantifier == QUANTIFIER_ALL) {
        for (unsigned i = 0; i < values->count; i++)
            if (some_matches(condition, variables, values->values[i]) == negated)
                return false;
        return true;
    }
    /* ForAnyValue looks for one value that satisfies the operator; without it a negated one wants that none matches */
    bool wanted = !(negated && condition->quantifier == QUANTIFIER_ANY);
    for (unsigned i = 0; i < values->count; i++)
        if (some_matches(condition, variables, values->values[i]) == wanted)
            return condition->quantifier == QUANTIFIER_ANY || !negated;
    return condition->quantifier == QUANTIFIER_NONE && negated;
}

/* ---- is it public? ---- */

static bool is_tied(enum condition_key key)
{
    switch (key) {
    case KEY_SourceIp:
    case KEY_PrincipalArn:
    case KEY_PrincipalAccount:
    case KEY_userid:
    case KEY_SourceArn:
    case KEY_SourceVpc:
    case KEY_SourceVpce:
    case KEY_SourceAccount:
    case KEY_PrincipalOrgID:
        return true;
    default:
        return false;
    }
}

/* At least /8 of IPv4 or /32 of IPv6, or private: of IPv4 those are all narrower, of IPv6 they are fc00::/7. */
static bool is_narrow(const struct network *network)
{
    if (network->address_bits == 32)
        return network->prefix_bits >= 8;
    return network->prefix_bits >= 32 || (network->prefix_bits >= 7 && (network->bytes[0] & 0xFE) == 0xFC);
}

static bool value_is_fixed(enum operator_type type, const union condition_value *value)
{
    switch (type) {
    case TYPE_STRING:
    case TYPE_STRING_IGNORE_CASE:
    case TYPE_STRING_LIKE:
        return pattern_is_fixed(&value->pattern);
    case TYPE_ARN:
        for (unsigned i = 0; i < ARN_PARTS; i++)
            if (!pattern_is_fixed(&value->arn[i]))
                return false;
        return true;
    case TYPE_NETWORK:
        return is_narrow(&value->network);
    case TYPE_NUMBER:
    case TYPE_BINARY:
        return true;
    default:
        return false;
    }
}

/* aws:userid of requests that nobody signed. Who is tied to that is everyone. */
static bool names_anonymous(const struct condition *condition, const union condition_value *value)
{
    const struct asked anonymous = {.text = SPAN("anonymous"), .valid = true};
    switch (condition->test->type) {
    case TYPE_STRING:
    case TYPE_STRING_IGNORE_CASE:
    case TYPE_STRING_LIKE:
    case TYPE_BINARY:
        return condition->key == KEY_userid && value_matches(condition->test, value, NULL, &anonymous);
    default:
        return false;
    }
}

bool condition_fixes(const struct condition *condition)
{
    const struct condition_test *test = condition->test;
    if (!is_tied(condition->key) || test->negated || test->comparison != COMPARE_EQUAL || condition->if_exists ||
        condition->quantifier == QUANTIFIER_ALL)
        return false;
    for (unsigned i = 0; i < condition->count; i++)
        if (!value_is_fixed(test->type, &condition->values[i]) || names_anonymous(condition, &condition->values[i]))
            return false;
    return true;
}
