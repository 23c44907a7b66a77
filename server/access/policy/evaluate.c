/* server/access/policy/evaluate.c -- a question is held against policies: 515, 529 to 532, 538. */
#include "runtime/base/assert.h"
#include "server/access/policy/policy_private.h"

/* One question, and what was found out about it so far. */
struct evaluation {
    const struct policy_question *question;
    struct span resource; /* "bucket" or "bucket/key" */
    bool failed;          /* `find` */
    uint64_t looked_up;   /* of `variables` */
    uint64_t present;
    struct span variables[CONDITION_KEYS_COUNT];
    uint8_t resource_bytes[POLICY_BUCKET_BYTES_MAX + 1 + POLICY_KEY_BYTES_MAX];
};

static void name_resource(struct evaluation *evaluation, struct span bucket, struct span key)
{
    ASSERT(bucket.size <= POLICY_BUCKET_BYTES_MAX && key.size <= POLICY_KEY_BYTES_MAX);
    evaluation->resource = bucket;
    if (key.size == 0)
        return;
    memcpy(evaluation->resource_bytes, bucket.data, bucket.size);
    evaluation->resource_bytes[bucket.size] = '/';
    memcpy(evaluation->resource_bytes + bucket.size + 1, key.data, key.size);
    evaluation->resource = span_of(evaluation->resource_bytes, bucket.size + 1 + key.size);
}

/* A key that the action does not have is absent, whatever the request brings: a header on a GET does not make it one
 * that writes, and the tags that a key has do not decide on writing it anew (524). */
static bool look_up(struct evaluation *evaluation, enum condition_key key, struct span part,
                    struct policy_values *ret_values)
{
    *ret_values = (struct policy_values){0};
    if (evaluation->question->find == NULL ||
        (action_condition_keys(evaluation->question->action) & CONDITION_KEY_BIT(key)) == 0)
        return true;
    if (!evaluation->question->find(evaluation->question->context, key, part, ret_values)) {
        evaluation->failed = true;
        return false;
    }
    return true;
}

/* All variables that the statement names are there (519); their values then lie in `variables`. */
static bool variables_are_there(struct evaluation *evaluation, uint64_t wanted)
{
    for (uint64_t unknown = wanted & ~evaluation->looked_up; unknown != 0; unknown &= unknown - 1) {
        enum condition_key key = (enum condition_key)__builtin_ctzll(unknown);
        struct policy_values values;
        if (!look_up(evaluation, key, SPAN_EMPTY, &values))
            return false;
        evaluation->looked_up |= CONDITION_KEY_BIT(key);
        if (values.count == 0)
            return false;
        evaluation->variables[key] = values.values[0];
        evaluation->present |= CONDITION_KEY_BIT(key);
    }
    return (wanted & ~evaluation->present) == 0;
}

static enum principal_match asker_matches(const struct policy *policy, const struct statement *statement,
                                          const struct policy_asker *asker)
{
    if (!policy->for_bucket)
        return PRINCIPAL_BY_NAME; /* it belongs to whoever asks */
    enum principal_match match = principals_match(statement->principals, statement->principals_count, asker);
    if (!statement->inverts_principals)
        return match;
    return match == PRINCIPAL_DIFFERS ? PRINCIPAL_BY_NAME : PRINCIPAL_DIFFERS;
}

static bool resource_matches(const struct evaluation *evaluation, const struct statement *statement)
{
    for (unsigned i = 0; i < statement->resources_count; i++)
        if (pattern_match(&statement->resources[i], evaluation->variables, evaluation->resource))
            return !statement->inverts_resources;
    return statement->inverts_resources;
}

static bool conditions_hold(struct evaluation *evaluation, const struct statement *statement)
{
    for (unsigned i = 0; i < statement->conditions_count; i++) {
        const struct condition *condition = &statement->conditions[i];
        struct policy_values values;
        if (!look_up(evaluation, condition->key, condition->part, &values) ||
            !condition_holds(condition, &values, evaluation->variables))
            return false;
    }
    return true;
}

/* Everything but the action, for which the index has chosen the statement. */
static enum principal_match statement_matches(struct evaluation *evaluation, const struct policy *policy,
                                              const struct statement *statement)
{
    enum principal_match match = asker_matches(policy, statement, &evaluation->question->asker);
    bool holds = match != PRINCIPAL_DIFFERS && variables_are_there(evaluation, statement->needs.variables) &&
                 resource_matches(evaluation, statement) && conditions_hold(evaluation, statement);
    return holds ? match : PRINCIPAL_DIFFERS;
}

/* Makes *decision stronger by what policy number `number` says; true when no other can change it. */
static bool decide(struct evaluation *evaluation, const struct policy *policy, unsigned number,
                   struct policy_decision *decision)
{
    const uint64_t *words = policy->by_action + evaluation->question->action * policy->words_per_action;
    for (unsigned word = 0; word < policy->words_per_action; word++)
        for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
            const struct statement *statement = &policy->statements[word * 64 + (unsigned)__builtin_ctzll(bits)];
            bool is_allowed =
                evaluation->question->only_denies || (decision->effect == POLICY_ALLOW && decision->by_name);
            if (!statement->denies && is_allowed)
                return false; /* only another policy's Deny could change that */
            enum principal_match match = statement_matches(evaluation, policy, statement);
            if (evaluation->failed) {
                *decision = (struct policy_decision){.effect = POLICY_UNDECIDED};
                return true;
            }
            if (match == PRINCIPAL_DIFFERS ||
                (!statement->denies && decision->effect == POLICY_ALLOW && match != PRINCIPAL_BY_NAME))
                continue;
            *decision = (struct policy_decision){.effect = statement->denies ? POLICY_DENY : POLICY_ALLOW,
                                                 .by_name = match == PRINCIPAL_BY_NAME,
                                                 .policy = number,
                                                 .statement = statement->position,
                                                 .sid = statement->sid};
            if (statement->denies)
                return true;
        }
    return false;
}

struct policy_decision policy_evaluate_all(const struct policy *const *policies, unsigned count,
                                           const struct policy_question *question)
{
    struct policy_decision decision = {.effect = POLICY_NONE};
    struct evaluation evaluation;
    ASSERT(question->action < ACTIONS_COUNT);
    evaluation.question = question;
    evaluation.failed = false;
    evaluation.looked_up = 0;
    evaluation.present = 0;
    name_resource(&evaluation, question->bucket, question->key);
    for (unsigned i = 0; i < count; i++)
        if (decide(&evaluation, policies[i], i, &decision))
            break;
    return decision;
}

struct policy_decision policy_evaluate(const struct policy *policy, const struct policy_question *question)
{
    return policy_evaluate_all(&policy, 1, question);
}

/* ---- is it public? ---- */

static bool is_public(const struct statement *statement)
{
    if (statement->denies || statement->principals[0].kind != PRINCIPAL_EVERYONE)
        return false;
    for (unsigned i = 0; i < statement->conditions_count; i++)
        if (condition_fixes(&statement->conditions[i]))
            return false;
    return true;
}

bool policy_is_public(const struct policy *policy)
{
    ASSERT(policy->for_bucket);
    for (unsigned i = 0; i < policy->count; i++)
        if (is_public(&policy->statements[i]))
            return true;
    return false;
}
