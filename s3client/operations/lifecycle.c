/* s3client/operations/lifecycle.c -- the lifecycle rules of a bucket, as far as they matter to who keeps something
 * there. */
#include "s3client/operations/document.h"

#include <string.h>

/* Which element of a rule is open. */
enum section { SECTION_OTHER, SECTION_FILTER, SECTION_EXPIRATION };

struct rules {
    struct arena *arena;
    struct s3_lifecycle_rule *list;
    unsigned count;
    unsigned capacity;
    enum section section;
};

static struct s3_lifecycle_rule *last_rule(const struct rules *rules)
{
    return &rules->list[rules->count - 1];
}

static bool open_rule(struct rules *rules, struct error *error)
{
    rules->list = document_add(rules->arena, rules->list, rules->count, &rules->capacity, sizeof *rules->list,
                               S3_LIFECYCLE_RULES_MAX, error);
    rules->count += rules->list != NULL;
    return rules->list != NULL;
}

static bool open_of_rules(void *context, unsigned depth, struct span element, struct error *error)
{
    struct rules *rules = context;
    if (depth == 1 && document_is(element, "Rule"))
        return open_rule(rules, error);
    if (rules->count == 0)
        return true;
    if (depth == 2) {
        rules->section = document_is(element, "Filter")       ? SECTION_FILTER
                         : document_is(element, "Expiration") ? SECTION_EXPIRATION
                                                              : SECTION_OTHER;
        last_rule(rules)->moves |= document_is(element, "Transition");
    }
    if (depth > 2 && rules->section == SECTION_FILTER)
        last_rule(rules)->has_tags |= document_is(element, "Tag");
    return true;
}

/* Prefix stands in the rule itself, in its Filter, or in the And of that. */
static bool close_of_rules(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct rules *rules = context;
    if (rules->count == 0 || depth < 2)
        return true;
    struct s3_lifecycle_rule *rule = last_rule(rules);
    if (depth == 2 && document_is(element, "ID"))
        return document_copy(rules->arena, text, &rule->id, error);
    if (depth == 2 && document_is(element, "Status"))
        rule->is_enabled = span_equal(text, SPAN("Enabled"));
    if (document_is(element, "Prefix") && (depth == 2 || rules->section == SECTION_FILTER))
        return document_copy(rules->arena, text, &rule->prefix, error);
    if (depth == 3 && rules->section == SECTION_EXPIRATION)
        rule->expires |= document_is(element, "Days") || document_is(element, "Date");
    return true;
}

SUSPENDS bool document_lifecycle(struct span document, const struct s3_call *call, struct arena *arena,
                                 struct s3_lifecycle_rule **ret_rules, unsigned *ret_count, struct s3_answer *answer,
                                 struct error *error)
{
    static const struct document_kind kind = {"LifecycleConfiguration",
                                              {.open = open_of_rules, .close = close_of_rules}};
    struct rules rules = {.arena = arena};
    if (!document_parse(document, call, &kind, &rules, answer, error))
        return false;
    *ret_rules = rules.list;
    *ret_count = rules.count;
    return true;
}

SUSPENDS bool s3_client_get_lifecycle(struct s3_client *client, const struct s3_call *call, struct arena *arena,
                                      struct s3_lifecycle_rule **ret_rules, unsigned *ret_count,
                                      struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_GET_BUCKET);
    document_request_query(&asked, "lifecycle", SPAN_EMPTY);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_lifecycle(buffer_span(&body), &asked.call, arena, ret_rules, ret_count, ret_answer, error);
    buffer_free(&body);
    return ok;
}
