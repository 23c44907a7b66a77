/* server/s3/form/form_policy.c -- the policy of a web form: read, and held against its fields. */
#include "server/s3/form/form_policy.h"

#include "runtime/base/base64.h"
#include "runtime/base/decimal.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/access/policy/json.h"
#include "server/auth/secrets.h"

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidPolicyDocument, "Invalid Policy: %s", why);
}

/* ---- reading ---- */

static bool decode(struct span base64, struct arena *arena, struct span *ret_text, struct error *error)
{
    size_t size = base64_decoded_bytes(base64);
    if (base64.size == 0)
        return refuse(error, "it is not base64.");
    uint8_t *text = arena_allocate(arena, size + 1);
    if (text == NULL)
        return error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded, "The policy is too large.");
    *ret_text = span_of(text, size);
    return base64_decode(base64, text, size) || refuse(error, "it is not base64.");
}

static bool parse_expiration(const struct json_value *value, struct form_policy *policy, struct error *error)
{
    if (value == NULL || value->kind != JSON_STRING)
        return refuse(error, "Policy missing expiration.");
    return (span_ends_with(value->text, SPAN("Z")) && date_parse_xml(value->text, &policy->expiration_ms)) ||
           refuse(error, "expiration is no time like 2030-12-30T12:00:00.000Z.");
}

/* {"name": "value"} */
static bool parse_pair(const struct json_value *pair, struct form_condition *ret_condition, struct error *error)
{
    if (pair->count != 1)
        return refuse(error, "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
    if (pair->first->kind != JSON_STRING)
        return refuse(error, "Invalid Simple-Condition: value must be a string.");
    *ret_condition = (struct form_condition){FORM_EQUALS, pair->first->name, pair->first->text};
    return true;
}

static bool parse_bound(const struct json_value *value, uint64_t *ret_bound)
{
    return (value->kind == JSON_NUMBER || value->kind == JSON_STRING) && decimal_parse(value->text, ret_bound);
}

/* ["content-length-range", least, most]: all of them hold. */
static bool parse_range(const struct json_value *list, struct form_policy *policy, struct error *error)
{
    uint64_t least;
    uint64_t most;
    if (list->count != 3 || !parse_bound(list->first->next, &least) || !parse_bound(list->first->next->next, &most))
        return refuse(error, "content-length-range has two bounds, which are numbers.");
    if (least > policy->least_bytes)
        policy->least_bytes = least;
    if (most < policy->most_bytes)
        policy->most_bytes = most;
    return true;
}

/* ["eq", "$name", "value"] and ["starts-with", "$name", "prefix"] */
static bool parse_comparison(const struct json_value *list, struct form_condition *ret_condition, struct error *error)
{
    struct span operation = list->first->text;
    bool is_prefix = span_equal_ignore_case(operation, SPAN("starts-with"));
    if (!is_prefix && !span_equal_ignore_case(operation, SPAN("eq")))
        return refuse(error, "Invalid Condition: unknown operation.");
    if (list->count != 3)
        return refuse(error, "Invalid Condition: wrong number of arguments.");
    const struct json_value *name = list->first->next;
    const struct json_value *value = name->next;
    if (name->kind != JSON_STRING || value->kind != JSON_STRING || !span_starts_with(name->text, SPAN("$")))
        return refuse(error, "Invalid Condition: the name of a field with $ in front, and a string, are expected.");
    *ret_condition =
        (struct form_condition){is_prefix ? FORM_STARTS_WITH : FORM_EQUALS, span_skip(name->text, 1), value->text};
    return true;
}

static bool parse_condition(const struct json_value *value, struct form_policy *policy, struct error *error)
{
    struct form_condition *next = &policy->conditions[policy->conditions_count];
    if (value->kind == JSON_OBJECT) {
        policy->conditions_count++;
        return parse_pair(value, next, error);
    }
    if (value->kind != JSON_LIST || value->count == 0 || value->first->kind != JSON_STRING)
        return refuse(error, "Invalid Condition: it is neither {\"name\": \"value\"} nor [operator, ...].");
    if (span_equal_ignore_case(value->first->text, SPAN("content-length-range")))
        return parse_range(value, policy, error);
    policy->conditions_count++;
    return parse_comparison(value, next, error);
}

static bool parse_conditions(const struct json_value *list, struct arena *arena, struct form_policy *policy,
                             struct error *error)
{
    if (list == NULL || list->kind != JSON_LIST)
        return refuse(error, "Policy missing conditions.");
    policy->conditions = arena_allocate(arena, list->count * sizeof policy->conditions[0] + 1);
    if (policy->conditions == NULL)
        return error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded, "The policy is too large.");
    for (const struct json_value *value = list->first; value != NULL; value = value->next)
        if (!parse_condition(value, policy, error))
            return false;
    return true;
}

bool form_policy_parse(struct span base64, struct arena *arena, struct form_policy *ret_policy, struct error *error)
{
    struct span text;
    const struct json_value *root;
    struct error reason;
    *ret_policy = (struct form_policy){.most_bytes = UINT64_MAX};
    if (!decode(base64, arena, &text, error))
        return false;
    if (!json_parse(text, arena, arena, &root, &reason))
        return refuse(error, reason.message);
    const struct json_value *expiration = json_member(root, "expiration");
    const struct json_value *conditions = json_member(root, "conditions");
    if (root->count > (unsigned)(expiration != NULL) + (unsigned)(conditions != NULL))
        return refuse(error, "it has another name than expiration and conditions.");
    return parse_expiration(expiration, ret_policy, error) && parse_conditions(conditions, arena, ret_policy, error);
}

/* ---- the form held against it ---- */

static bool starts_with(const struct form_condition *condition, struct span value)
{
    if (!span_equal_ignore_case(condition->name, SPAN("content-type")))
        return span_starts_with(value, condition->value);
    for (;;) { /* of each of a list of types (statement 569) */
        size_t comma = span_find(value, ',');
        if (!span_starts_with(span_trim(span_take(value, comma)), condition->value))
            return false;
        if (comma == SIZE_MAX)
            return true;
        value = span_skip(value, comma + 1);
    }
}

static bool fits(const struct form_condition *condition, struct span value)
{
    return condition->operation == FORM_EQUALS ? span_equal(value, condition->value) : starts_with(condition, value);
}

/* Of every field of that name, of which there must be one. */
static bool holds(const struct form_condition *condition, const struct form_fields *fields, struct span bucket)
{
    bool is_sent = span_equal_ignore_case(condition->name, SPAN("bucket"));
    if (is_sent && !fits(condition, bucket))
        return false;
    for (unsigned i = 0; i < fields->count; i++) {
        if (!span_equal_ignore_case(fields->items[i].name, condition->name))
            continue;
        is_sent = true;
        if (!fits(condition, fields->items[i].value))
            return false;
    }
    return is_sent;
}

static bool refuse_condition(const struct form_condition *condition, struct error *error)
{
    struct span value = secret_hide(condition->name, condition->value);
    return error_set(error, ERROR_DENIED, S3_AccessDenied,
                     "Invalid according to Policy: Policy Condition failed: [\"%s\", \"$%.*s\", \"%.*s\"]",
                     condition->operation == FORM_EQUALS ? "eq" : "starts-with",
                     SPAN_FORMAT(span_take(condition->name, 64)), SPAN_FORMAT(span_take(value, 100)));
}

/* Statement 567. */
static bool is_exempt(struct span name)
{
    static const char *const names[] = {
        "policy", "file", "signature", "awsaccesskeyid", "x-amz-signature", "x-amz-sdk-checksum-algorithm"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (span_equal_ignore_case(name, span_from_string(names[i])))
            return true;
    return form_name_starts_with(name, SPAN("x-ignore-")) || form_name_starts_with(name, SPAN("x-amz-checksum-"));
}

static bool is_named(const struct form_policy *policy, struct span name)
{
    for (unsigned i = 0; i < policy->conditions_count; i++)
        if (span_equal_ignore_case(policy->conditions[i].name, name))
            return true;
    return false;
}

static bool check_named(const struct form_policy *policy, struct span name, struct error *error)
{
    return is_exempt(name) || is_named(policy, name) ||
           error_set(error, ERROR_DENIED, S3_AccessDenied, "Invalid according to Policy: Extra input fields: %.*s",
                     SPAN_FORMAT(span_take(name, 100)));
}

bool form_check_bucket(const struct form_fields *fields, struct span bucket, struct error *error)
{
    struct span sent;
    return !form_fields_find(fields, "bucket", &sent) || span_equal(sent, bucket) ||
           error_set(error, ERROR_DENIED, S3_AccessDenied, "The field bucket names another bucket than the URL.");
}

bool form_policy_check(const struct form_policy *policy, const struct form_fields *fields, struct span bucket,
                       int64_t now_ms, struct error *error)
{
    if (now_ms > policy->expiration_ms)
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "Invalid according to Policy: Policy expired.");
    for (unsigned i = 0; i < policy->conditions_count; i++)
        if (!holds(&policy->conditions[i], fields, bucket))
            return refuse_condition(&policy->conditions[i], error);
    for (unsigned i = 0; i < fields->count; i++)
        if (!check_named(policy, fields->items[i].name, error))
            return false;
    return check_named(policy, SPAN("bucket"), error);
}
