/* server/lifecycle/native_rules.c -- a bucket's lifecycle rules as rules of the backend's own bucket. */
#include "server/lifecycle/native_rules.h"

#include <string.h>

/* Keys of this server beside those of clients, whose loss is no loss of speed alone. They have no tags. */
static bool reaches_own(const struct lifecycle_filter *filter)
{
    static const struct span folders[] = {SPAN(".bale/"), SPAN(".s4dict/"), SPAN(".s4mpu/")};
    for (unsigned i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        bool meets = span_starts_with(folders[i], filter->prefix) || span_starts_with(filter->prefix, folders[i]);
        if (meets && filter->tags_count == 0)
            return true;
    }
    return false;
}

static bool has_action(const struct lifecycle_rule *rule)
{
    return rule->has_expiration || rule->transitions_count > 0 || rule->noncurrent_transitions_count > 0 ||
           rule->has_noncurrent_expiration || rule->has_abort;
}

static bool acts_on_current(const struct lifecycle_rule *rule)
{
    return rule->expiration.has_days || rule->expiration.has_date || rule->transitions_count > 0;
}

/* Former versions of what is this server's own may go: nobody reads them. */
static void spare_current(struct lifecycle_rule *rule)
{
    rule->expiration = (struct lifecycle_time){0};
    rule->has_expiration = rule->has_marker_expiration;
    rule->transitions_count = 0;
}

static bool move_filter(struct lifecycle_rule *rule, struct span prefix, struct arena *arena, struct error *error)
{
    struct lifecycle_filter *filter = &rule->filter;
    size_t size = prefix.size + filter->prefix.size;
    uint8_t *text = size <= OBJECT_KEY_BYTES_MAX ? arena_allocate(arena, size + 1) : NULL;
    if (text == NULL)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the prefix of rule %.*s is too long", SPAN_FORMAT(rule->id));
    if (prefix.size > 0)
        memcpy(text, prefix.data, prefix.size);
    if (filter->prefix.size > 0)
        memcpy(text + prefix.size, filter->prefix.data, filter->prefix.size);
    filter->prefix = span_of(text, size);
    filter->has_prefix = size > 0 || filter->tags_count == 0;
    rule->is_old_form = false;
    rule->has_and = filter->has_prefix + filter->tags_count > 1;
    return true;
}

static void omit(struct native_rules *rules, const struct lifecycle_rule *rule, const char *why)
{
    rules->omissions[rules->omissions_count++] = (struct native_omission){rule->id, why};
}

static bool add_rule(struct native_rules *rules, const struct lifecycle_rule *rule, struct span prefix,
                     struct arena *arena, struct error *error)
{
    struct lifecycle_rule *native = &rules->lifecycle.rules[rules->lifecycle.rules_count];
    *native = *rule;
    if (!rule->is_enabled) {
        omit(rules, rule, "it is disabled");
        return true;
    }
    if (rule->filter.has_greater_than || rule->filter.has_less_than) {
        omit(rules, rule, "it looks at sizes, and the backend would compare those of what is stored");
        return true;
    }
    if (reaches_own(&rule->filter) && acts_on_current(rule)) {
        spare_current(native);
        omit(rules, rule,
             has_action(native)
                 ? "without a prefix or a tag its expiration and transitions would reach what is this server's own; "
                   "the rest of it is there"
                 : "without a prefix or a tag it would reach what is this server's own");
    }
    if (!has_action(native))
        return true;
    rules->lifecycle.rules_count++;
    return move_filter(native, prefix, arena, error);
}

bool native_rules_make(const struct lifecycle *lifecycle, struct span prefix, struct arena *arena,
                       struct native_rules *ret_rules, struct error *error)
{
    unsigned count = lifecycle->rules_count;
    *ret_rules = (struct native_rules){
        .lifecycle = {.rules = arena_allocate(arena, count * sizeof *lifecycle->rules),
                      .smallest = lifecycle->smallest},
        .omissions = arena_allocate(arena, count * sizeof *ret_rules->omissions),
    };
    if (ret_rules->lifecycle.rules == NULL || ret_rules->omissions == NULL)
        return error_set(error, ERROR_TOO_LARGE, NULL, "there are too many rules");
    for (unsigned i = 0; i < count; i++) {
        if (!add_rule(ret_rules, &lifecycle->rules[i], prefix, arena, error))
            return false;
    }
    return true;
}
