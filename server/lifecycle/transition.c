/* server/lifecycle/transition.c -- which transition is due, and which of several counts. */
#include "server/lifecycle/transition.h"

enum { SMALL_BYTES = 128 << 10 };

/* ---- classes ---- */

struct class_rank {
    const char *name;
    unsigned depth; /* objects move to a greater one */
    unsigned rank;  /* of several that are due the greatest counts */
};

static const struct class_rank classes[] = {
    {"STANDARD_IA", 1, 1}, {"INTELLIGENT_TIERING", 2, 4}, {"ONEZONE_IA", 3, 2}, {"GLACIER_IR", 3, 3},
    {"GLACIER", 4, 5},     {"DEEP_ARCHIVE", 5, 6},
};

/* Whatever rules do not move objects to is as warm as STANDARD. */
static struct class_rank find_class(struct span name)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (span_equal(name, span_from_string(classes[i].name)))
            return classes[i];
    }
    return (struct class_rank){"STANDARD", 0, 0};
}

bool transition_may_move(struct span from, struct span to)
{
    return find_class(from).depth < find_class(to).depth;
}

/* ---- one transition ---- */

bool transition_rule_moves(const struct lifecycle_rule *rule)
{
    return rule->transitions_count > 0 || rule->noncurrent_transitions_count > 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t find_due(const struct lifecycle_plan *plan, const struct lifecycle_transition *transition,
                        int64_t from_ms)
{
    const struct lifecycle_time *time = &transition->time;
    return time->has_date ? time->date_ms : lifecycle_due_ms(from_ms, time->days, plan->bucket.day_ms);
}

int64_t transition_soonest_ms(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule, int64_t now_ms)
{
    int64_t soonest = INT64_MAX;
    if (!plan->bucket.has_classes)
        return soonest;
    for (unsigned i = 0; i < rule->transitions_count; i++)
        soonest = least(soonest, find_due(plan, &rule->transitions[i], now_ms));
    for (unsigned i = 0; i < rule->noncurrent_transitions_count; i++)
        soonest = least(soonest, find_due(plan, &rule->noncurrent_transitions[i], now_ms));
    return soonest;
}

const struct lifecycle_transition *transitions_for(const struct lifecycle_rule *rule,
                                                   const struct lifecycle_version *version, unsigned *ret_count)
{
    *ret_count = version->is_marker    ? 0
                 : version->is_current ? rule->transitions_count
                                       : rule->noncurrent_transitions_count;
    return version->is_current ? rule->transitions : rule->noncurrent_transitions;
}

static bool leaves_small(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule, struct span to)
{
    bool has_size = rule->filter.has_greater_than || rule->filter.has_less_than;
    bool is_archive = span_equal(to, SPAN("GLACIER")) || span_equal(to, SPAN("DEEP_ARCHIVE"));
    bool varies = span_equal(plan->lifecycle->smallest, SPAN("varies_by_storage_class"));
    return !has_size && !(varies && is_archive);
}

enum lifecycle_answer transition_ask(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                                     const struct lifecycle_transition *transition,
                                     const struct lifecycle_version *version, int64_t now_ms, int64_t *ret_due_ms)
{
    if (!rule->is_enabled)
        return RULE_IS_DISABLED;
    if (!span_starts_with(version->key, rule->filter.prefix))
        return RULE_HAS_OTHER_PREFIX;
    if (!version->is_current && version->superseded_ms <= 0)
        return RULE_HAS_NO_ACTION;
    if (!plan->bucket.has_classes)
        return RULE_CANNOT_MOVE;
    if (!transition_may_move(version->storage_class, transition->storage_class))
        return RULE_IS_OBEYED;
    if (version->size < SMALL_BYTES && leaves_small(plan, rule, transition->storage_class))
        return RULE_LEAVES_SMALL;
    *ret_due_ms = find_due(plan, transition, version->is_current ? version->modified_ms : version->superseded_ms);
    if (!lifecycle_filter_has_size(&rule->filter, version->size))
        return RULE_HAS_OTHER_SIZE;
    if (*ret_due_ms > now_ms)
        return RULE_IS_NOT_DUE;
    if (!lifecycle_filter_has_tags(&rule->filter, version->tags))
        return RULE_HAS_OTHER_TAGS;
    if (transition->has_newer_versions && version->newer_kept < (uint64_t)transition->newer_versions)
        return RULE_KEEPS_NEWER;
    return RULE_ACTS;
}

/* ---- several ---- */

/* To the same class, the earliest date, and then the first rule of the document. */
static bool counts_before(const struct lifecycle_transition *transition, const struct lifecycle_rule *rule,
                          int64_t due_ms, const struct lifecycle_verdict *verdict)
{
    if (verdict->rule == NULL)
        return true;
    unsigned rank = find_class(transition->storage_class).rank;
    unsigned other = find_class(verdict->storage_class).rank;
    if (rank != other)
        return rank > other;
    return due_ms < verdict->due_ms || (due_ms == verdict->due_ms && rule < verdict->rule);
}

void transition_judge(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                      const struct lifecycle_version *version, int64_t now_ms, struct lifecycle_verdict *verdict)
{
    unsigned count;
    const struct lifecycle_transition *transitions = transitions_for(rule, version, &count);
    for (unsigned i = 0; i < count; i++) {
        int64_t due_ms;
        enum lifecycle_answer answer = transition_ask(plan, rule, &transitions[i], version, now_ms, &due_ms);
        if (answer >= RULE_IS_NOT_DUE)
            verdict->next_ms = least(verdict->next_ms, due_ms);
        if (answer != RULE_ACTS || !counts_before(&transitions[i], rule, due_ms, verdict))
            continue;
        verdict->rule = rule;
        verdict->due_ms = due_ms;
        verdict->storage_class = transitions[i].storage_class;
        verdict->newer_least = transitions[i].has_newer_versions ? (unsigned)transitions[i].newer_versions : 0;
    }
}
