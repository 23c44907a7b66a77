/* tools/bale/maintain/maintenance_report.c -- sums of a walk, printed. */
#include "tools/bale/maintain/maintenance_report.h"

#include "server/maintenance/report.h"
#include "tools/bale/view/bytes_text.h"

#include <inttypes.h>
#include <stdio.h>

static void print_swept(const struct policy_rule *rule, const struct rule_sums *sums, bool executes, bool is_bucket)
{
    char bytes[BYTES_TEXT_BYTES];
    uint64_t swept = sums->outcomes[OUTCOME_SWEPT];
    bytes_text((double)sums->before, bytes);
    if (is_bucket)
        printf("%s: %" PRIu64 " leftover%s of %s %s removed\n", rule->name, swept, swept == 1 ? "" : "s", bytes,
               !executes    ? "would be"
               : swept == 1 ? "was"
                            : "were");
    else
        printf("%s: in a folder nothing is ever left over\n", rule->name);
}

static void print_acts(const struct policy_rule *rule, const struct rule_sums *sums, bool executes)
{
    char before[BYTES_TEXT_BYTES];
    char after[BYTES_TEXT_BYTES];
    bool moves = rule->action == POLICY_TRANSITION;
    bool seals = rule->action == POLICY_ENCRYPT;
    uint64_t acts = sums->outcomes[moves ? OUTCOME_MOVED : seals ? OUTCOME_SEALED : OUTCOME_PACKED];
    const char *were = !executes ? "would be" : acts == 1 ? "was" : "were";
    bytes_text((double)sums->before, before);
    bytes_text((double)sums->after, after);
    printf("%s: %" PRIu64 " object%s of %s %s %s, to %s%s%s%s\n", rule->name, acts, acts == 1 ? "" : "s", before, were,
           moves   ? "moved"
           : seals ? "encrypted"
                   : "packed",
           moves ? rule->storage_class : "", moves ? " and " : "", executes ? "" : "about ", after);
}

void maintenance_print_table(const struct maintenance *maintenance)
{
    bool executes = maintenance->settings.executes;
    for (unsigned i = 0; i < maintenance->policy->count; i++) {
        const struct rule_sums *sums = &maintenance->sums[i];
        if (maintenance->policy->rules[i].action == POLICY_SWEEP)
            print_swept(&maintenance->policy->rules[i], sums, executes, maintenance->settings.is_bucket);
        else
            print_acts(&maintenance->policy->rules[i], sums, executes);
        for (unsigned outcome = 0; outcome < OUTCOMES; outcome++) {
            if (!outcome_is_act(outcome) && sums->outcomes[outcome] > 0)
                printf("  %8" PRIu64 " %s\n", sums->outcomes[outcome], outcome_name(outcome));
        }
    }
    if (!executes)
        printf("Nothing was written: --execute does it.\n");
}

void maintenance_print_json(const struct maintenance *maintenance, bool is_all)
{
    struct json_object *document = maintenance_document(maintenance, is_all);
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

bool maintenance_judge(const struct maintenance *maintenance, struct error *error)
{
    uint64_t unreadable = maintenance_count(maintenance, OUTCOME_UNREADABLE);
    uint64_t kept = maintenance_count(maintenance, OUTCOME_KEPT_BOTH);
    if (unreadable > 0)
        return error_set(error, ERROR_DAMAGED, NULL, "%" PRIu64 " object%s could not be read; --log says which",
                         unreadable, unreadable == 1 ? "" : "s");
    return kept == 0 || error_set(error, ERROR_DENIED, NULL,
                                  "%" PRIu64 " object%s written anew beside the version that %s made of, which could "
                                  "not be removed; --log says which",
                                  kept, kept == 1 ? " was" : "s were", kept == 1 ? "it was" : "they were");
}
