/* server/maintenance/report.c -- sums as JSON. */
#include "server/maintenance/report.h"

static struct json_object *sums_document(const struct rule_sums *sums, const char *name)
{
    struct json_object *document = json_object_new_object();
    struct json_object *outcomes = json_object_new_object();
    json_object_object_add(document, "rule", json_object_new_string(name));
    for (unsigned outcome = 0; outcome < OUTCOMES; outcome++) {
        if (sums->outcomes[outcome] > 0)
            json_object_object_add(outcomes, outcome_name(outcome),
                                   json_object_new_int64((int64_t)sums->outcomes[outcome]));
    }
    json_object_object_add(document, "outcomes", outcomes);
    json_object_object_add(document, "before", json_object_new_int64((int64_t)sums->before));
    json_object_object_add(document, "after", json_object_new_int64((int64_t)sums->after));
    return document;
}

struct json_object *maintenance_document(const struct maintenance *maintenance, bool is_all)
{
    struct json_object *document = json_object_new_object();
    struct json_object *rules = json_object_new_array();
    for (unsigned i = 0; i < maintenance->policy->count; i++)
        json_object_array_add(rules, sums_document(&maintenance->sums[i], maintenance->policy->rules[i].name));
    json_object_object_add(document, "executed", json_object_new_boolean(maintenance->settings.executes));
    json_object_object_add(document, "is_all", json_object_new_boolean(is_all));
    json_object_object_add(document, "objects", json_object_new_int64((int64_t)maintenance->objects));
    json_object_object_add(document, "rules", rules);
    return document;
}

/* ---- back ---- */

static uint64_t number_of(struct json_object *document, const char *name)
{
    struct json_object *member;
    return json_object_object_get_ex(document, name, &member) ? (uint64_t)json_object_get_int64(member) : 0;
}

static void take_sums(struct rule_sums *sums, struct json_object *document)
{
    struct json_object *outcomes = NULL;
    (void)json_object_object_get_ex(document, "outcomes", &outcomes);
    for (unsigned outcome = 0; outcome < OUTCOMES; outcome++)
        sums->outcomes[outcome] = number_of(outcomes, outcome_name(outcome));
    sums->before = number_of(document, "before");
    sums->after = number_of(document, "after");
}

void maintenance_take_document(struct maintenance *maintenance, struct json_object *document)
{
    struct json_object *rules = NULL;
    maintenance->objects = number_of(document, "objects");
    if (!json_object_object_get_ex(document, "rules", &rules) || !json_object_is_type(rules, json_type_array))
        return;
    for (size_t i = 0; i < maintenance->policy->count && i < json_object_array_length(rules); i++)
        take_sums(&maintenance->sums[i], json_object_array_get_idx(rules, i));
}
