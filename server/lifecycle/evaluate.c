/* server/lifecycle/evaluate.c -- rules by prefix, and what they say of a version. */
#include "server/lifecycle/evaluate.h"

#include "s3client/wire/date.h"
#include "server/lifecycle/transition.h"

#include <stdlib.h>

/* ---- the plan ---- */

static int compare_rules(const void *a, const void *b)
{
    const struct lifecycle_rule *one = *(const struct lifecycle_rule *const *)a;
    const struct lifecycle_rule *other = *(const struct lifecycle_rule *const *)b;
    int order = span_compare(one->filter.prefix, other->filter.prefix);
    return order != 0 ? order : (one > other) - (one < other);
}

static unsigned take_enabled(const struct lifecycle *lifecycle, const struct lifecycle_rule **ret_rules)
{
    unsigned count = 0;
    for (unsigned i = 0; i < lifecycle->rules_count; i++)
        if (lifecycle->rules[i].is_enabled)
            ret_rules[count++] = &lifecycle->rules[i];
    qsort(ret_rules, count, sizeof(struct lifecycle_rule *), compare_rules);
    return count;
}

/* Prefixes are in byte order, so what this one begins with stands before it, and encloses what lies between. */
static const struct lifecycle_group *find_outer(const struct lifecycle_group *before, struct span prefix)
{
    while (before != NULL && !span_starts_with(prefix, before->prefix))
        before = before->outer;
    return before;
}

static void group_rules(struct lifecycle_plan *plan, const struct lifecycle_rule **rules, unsigned count)
{
    struct lifecycle_group *last = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct span prefix = rules[i]->filter.prefix;
        if (last != NULL && span_equal(last->prefix, prefix)) {
            last->count++;
            continue;
        }
        const struct lifecycle_group *outer = find_outer(last, prefix);
        last = &plan->groups[plan->count++];
        *last = (struct lifecycle_group){prefix, outer, &rules[i], 1};
    }
}

static bool expires_by_time(const struct lifecycle_rule *rule)
{
    return rule->has_expiration && (rule->expiration.has_date || rule->expiration.has_days);
}

bool lifecycle_plan_make(const struct lifecycle *lifecycle, const struct lifecycle_bucket *bucket, struct arena *arena,
                         struct lifecycle_plan *ret_plan, struct error *error)
{
    const struct lifecycle_rule **rules =
        arena_allocate(arena, (lifecycle->rules_count + 1) * sizeof(struct lifecycle_rule *));
    struct lifecycle_group *groups = arena_allocate(arena, (lifecycle->rules_count + 1) * sizeof groups[0]);
    if (rules == NULL || groups == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory for the rules of a bucket");
    *ret_plan = (struct lifecycle_plan){.lifecycle = lifecycle, .bucket = *bucket, .groups = groups};
    unsigned count = take_enabled(lifecycle, rules);
    ret_plan->rules_count = count;
    group_rules(ret_plan, rules, count);
    for (unsigned i = 0; i < count; i++) {
        ret_plan->acts_on_versions = ret_plan->acts_on_versions || expires_by_time(rules[i]) ||
                                     rules[i]->expires_markers || rules[i]->has_noncurrent_expiration ||
                                     (bucket->has_classes && transition_rule_moves(rules[i]));
        ret_plan->aborts_uploads = ret_plan->aborts_uploads || rules[i]->has_abort;
    }
    return true;
}

const struct lifecycle_group *lifecycle_plan_find(const struct lifecycle_plan *plan, struct span key)
{
    unsigned low = 0;
    unsigned high = plan->count; /* groups before `low` are not behind the key, those from `high` on are */
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (span_compare(plan->groups[middle].prefix, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : find_outer(&plan->groups[low - 1], key);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Of what a rule may do with something that is made, or superseded, at `now_ms`. */
static int64_t soonest_of_rule(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule, int64_t now_ms)
{
    int64_t soonest = INT64_MAX;
    if (rule->has_expiration && rule->expiration.has_days)
        soonest = lifecycle_due_ms(now_ms, rule->expiration.days, plan->bucket.day_ms);
    if (rule->has_expiration && rule->expiration.has_date)
        soonest = rule->expiration.date_ms;
    if (rule->expires_markers)
        soonest = now_ms;
    if (rule->has_noncurrent_expiration)
        soonest = least(soonest, lifecycle_due_ms(now_ms, rule->noncurrent_expiration.time.days, plan->bucket.day_ms));
    if (rule->has_abort)
        soonest = least(soonest, lifecycle_due_ms(now_ms, rule->abort_days, plan->bucket.day_ms));
    return least(soonest, transition_soonest_ms(plan, rule, now_ms));
}

int64_t lifecycle_plan_soonest_ms(const struct lifecycle_plan *plan, int64_t now_ms)
{
    int64_t soonest = INT64_MAX;
    for (unsigned i = 0; i < plan->count; i++)
        for (unsigned k = 0; k < plan->groups[i].count; k++)
            soonest = least(soonest, soonest_of_rule(plan, plan->groups[i].rules[k], now_ms));
    return soonest;
}

/* ---- one rule ---- */

/* What such a version is to the rule, and from when on. False: nothing. */
static bool find_due(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                     const struct lifecycle_version *version, int64_t *ret_due_ms)
{
    bool is_narrow = rule->filter.tags_count > 0 || rule->filter.has_greater_than || rule->filter.has_less_than;
    if (version->is_marker && is_narrow)
        return false;
    if (!version->is_current) {
        *ret_due_ms =
            lifecycle_due_ms(version->superseded_ms, rule->noncurrent_expiration.time.days, plan->bucket.day_ms);
        return rule->has_noncurrent_expiration && version->superseded_ms > 0;
    }
    if (version->is_marker && rule->expires_markers) {
        *ret_due_ms = version->modified_ms;
        return true;
    }
    *ret_due_ms = rule->expiration.has_date
                      ? rule->expiration.date_ms
                      : lifecycle_due_ms(version->modified_ms, rule->expiration.days, plan->bucket.day_ms);
    return expires_by_time(rule);
}

static unsigned newer_wanted(const struct lifecycle_rule *rule)
{
    const struct lifecycle_transition *expiration = &rule->noncurrent_expiration;
    return expiration->has_newer_versions ? (unsigned)expiration->newer_versions : 0;
}

enum lifecycle_answer lifecycle_ask_rule(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                                         const struct lifecycle_version *version, int64_t now_ms, int64_t *ret_due_ms)
{
    if (!rule->is_enabled)
        return RULE_IS_DISABLED;
    if (!span_starts_with(version->key, rule->filter.prefix))
        return RULE_HAS_OTHER_PREFIX;
    if (!find_due(plan, rule, version, ret_due_ms))
        return RULE_HAS_NO_ACTION;
    if (!version->is_marker && !lifecycle_filter_has_size(&rule->filter, version->size))
        return RULE_HAS_OTHER_SIZE;
    if (*ret_due_ms > now_ms)
        return RULE_IS_NOT_DUE;
    if (!version->is_marker && !lifecycle_filter_has_tags(&rule->filter, version->tags))
        return RULE_HAS_OTHER_TAGS;
    if (!version->is_current && version->newer_kept < newer_wanted(rule))
        return RULE_KEEPS_NEWER;
    return RULE_ACTS;
}

/* ---- all of them ---- */

static enum lifecycle_action action_on(const struct lifecycle_version *version)
{
    if (!version->is_current)
        return LIFECYCLE_REMOVE_VERSION;
    if (!version->is_marker)
        return LIFECYCLE_EXPIRE;
    return version->is_alone ? LIFECYCLE_REMOVE_MARKER : LIFECYCLE_KEEP;
}

/* Rules are elements of one array, in the document's order. */
static bool decides_before(const struct lifecycle_rule *rule, int64_t due_ms, const struct lifecycle_verdict *verdict)
{
    return verdict->rule == NULL || due_ms < verdict->due_ms || (due_ms == verdict->due_ms && rule < verdict->rule);
}

static void ask_removal(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                        const struct lifecycle_version *version, int64_t now_ms, struct lifecycle_verdict *verdict)
{
    int64_t due_ms;
    enum lifecycle_answer answer = lifecycle_ask_rule(plan, rule, version, now_ms, &due_ms);
    if (answer >= RULE_IS_NOT_DUE)
        verdict->next_ms = least(verdict->next_ms, due_ms);
    if (answer != RULE_ACTS || !decides_before(rule, due_ms, verdict))
        return;
    verdict->rule = rule;
    verdict->due_ms = due_ms;
    verdict->newer_least = version->is_current ? 0 : newer_wanted(rule);
}

/* Does the object stay when it expires, below the marker that is put over it? */
static bool outlives_expiration(const struct lifecycle_plan *plan, const struct lifecycle_version *version)
{
    enum bucket_versioning versioning = plan->bucket.versioning;
    return versioning == VERSIONING_ENABLED || (versioning == VERSIONING_SUSPENDED && !version->is_null);
}

/* A removal, if there is one, comes first, unless it leaves something to be moved later. */
static void unite(const struct lifecycle_plan *plan, const struct lifecycle_version *version,
                  const struct lifecycle_verdict *move, struct lifecycle_verdict *verdict)
{
    int64_t next_ms = least(verdict->next_ms, move->next_ms);
    bool comes_first = verdict->action == LIFECYCLE_KEEP ||
                       (verdict->action == LIFECYCLE_EXPIRE && outlives_expiration(plan, version));
    if (move->rule != NULL && comes_first)
        *verdict = *move;
    verdict->next_ms = next_ms;
}

bool lifecycle_judge(const struct lifecycle_plan *plan, const struct lifecycle_version *version, int64_t now_ms,
                     struct lifecycle_verdict *ret_verdict)
{
    struct lifecycle_verdict move = {.action = LIFECYCLE_MOVE, .next_ms = INT64_MAX};
    *ret_verdict = (struct lifecycle_verdict){.next_ms = INT64_MAX};
    for (const struct lifecycle_group *group = lifecycle_plan_find(plan, version->key); group != NULL;
         group = group->outer) {
        for (unsigned i = 0; i < group->count; i++) {
            ask_removal(plan, group->rules[i], version, now_ms, ret_verdict);
            transition_judge(plan, group->rules[i], version, now_ms, &move);
        }
    }
    enum lifecycle_action action = action_on(version);
    if (ret_verdict->rule != NULL && action != LIFECYCLE_KEEP)
        ret_verdict->action = action;
    else
        ret_verdict->rule = NULL;
    unite(plan, version, &move, ret_verdict);
    return ret_verdict->action != LIFECYCLE_KEEP;
}

bool lifecycle_judge_upload(const struct lifecycle_plan *plan, struct span key, int64_t initiated_ms,
                            const struct lifecycle_rule **ret_rule, int64_t *ret_due_ms)
{
    *ret_rule = NULL;
    for (const struct lifecycle_group *group = lifecycle_plan_find(plan, key); group != NULL; group = group->outer) {
        for (unsigned i = 0; i < group->count; i++) {
            const struct lifecycle_rule *rule = group->rules[i];
            int64_t due_ms = lifecycle_due_ms(initiated_ms, rule->abort_days, plan->bucket.day_ms);
            if (!rule->has_abort ||
                (*ret_rule != NULL && (due_ms > *ret_due_ms || (due_ms == *ret_due_ms && rule > *ret_rule))))
                continue;
            *ret_rule = rule;
            *ret_due_ms = due_ms;
        }
    }
    return *ret_rule != NULL;
}

/* ---- words ---- */

const char *lifecycle_action_name(enum lifecycle_action action)
{
    static const char *const names[LIFECYCLE_ACTIONS] = {"keep", "expire", "remove-version", "remove-marker", "move"};
    return names[action];
}

void lifecycle_answer_tell(enum lifecycle_answer answer, int64_t due_ms, struct buffer *to)
{
    static const char *const texts[] = {
        [RULE_IS_DISABLED] = "is disabled",
        [RULE_HAS_OTHER_PREFIX] = "is for another prefix",
        [RULE_HAS_NO_ACTION] = "has no action for such a version",
        [RULE_CANNOT_MOVE] = "is not carried out: over a bucket of an S3 server nothing moves to another class",
        [RULE_IS_OBEYED] = "has nothing to do: it is in such a class, or a colder one",
        [RULE_LEAVES_SMALL] = "leaves objects of less than 128 KiB where they are",
        [RULE_HAS_OTHER_SIZE] = "is for another size",
        [RULE_IS_NOT_DUE] = "is not due before ",
        [RULE_HAS_OTHER_TAGS] = "is for other tags; it would have been due at ",
        [RULE_KEEPS_NEWER] = "keeps it: too few newer noncurrent versions stay; it would have been due at ",
        [RULE_ACTS] = "has been due since ",
    };
    buffer_append_string(to, texts[answer]);
    if (answer >= RULE_IS_NOT_DUE) {
        char date[DATE_TEXT_BYTES];
        date_format_xml(due_ms, date);
        buffer_append_string(to, date);
    }
}
