/* server/s3/settings/lifecycle_match.c -- what a lifecycle configuration will do with an object or an upload. */
#include "server/s3/settings/lifecycle.h"
#include "store/attributes.h"

static const int64_t LAST_DAY_MS = INT64_C(253402214400000); /* 9999-12-31: what lies behind it cannot be written */

int64_t lifecycle_due_ms(int64_t from_ms, int64_t days, int64_t day_ms)
{
    int64_t due_ms = from_ms + days * day_ms;
    int64_t midnight_ms = (due_ms + day_ms - 1) / day_ms * day_ms;
    return midnight_ms < LAST_DAY_MS ? midnight_ms : LAST_DAY_MS;
}

bool lifecycle_filter_has_size(const struct lifecycle_filter *filter, uint64_t size)
{
    return (!filter->has_greater_than || size > filter->greater_than) &&
           (!filter->has_less_than || size < filter->less_than);
}

bool lifecycle_filter_has_tags(const struct lifecycle_filter *filter, struct span packed)
{
    for (unsigned i = 0; i < filter->tags_count; i++) {
        struct span value;
        if (!metadata_find(packed, filter->tags[i].key, &value) || !span_equal(value, filter->tags[i].value))
            return false;
    }
    return true;
}

static bool fits(const struct lifecycle_filter *filter, const struct lifecycle_object *object)
{
    return (!filter->has_prefix || span_starts_with(object->key, filter->prefix)) &&
           lifecycle_filter_has_size(filter, object->size) && lifecycle_filter_has_tags(filter, object->tags);
}

static bool expires_objects(const struct lifecycle_rule *rule)
{
    return rule->is_enabled && rule->has_expiration && (rule->expiration.has_date || rule->expiration.has_days);
}

bool lifecycle_expiration_needs_tags(const struct lifecycle *lifecycle)
{
    for (unsigned i = 0; i < lifecycle->rules_count; i++)
        if (expires_objects(&lifecycle->rules[i]) && lifecycle->rules[i].filter.tags_count > 0)
            return true;
    return false;
}

bool lifecycle_find_expiration(const struct lifecycle *lifecycle, const struct lifecycle_object *object,
                               struct lifecycle_notice *ret_notice)
{
    bool is_found = false;
    for (unsigned i = 0; i < lifecycle->rules_count; i++) {
        const struct lifecycle_rule *rule = &lifecycle->rules[i];
        if (!expires_objects(rule) || !fits(&rule->filter, object))
            continue;
        int64_t when_ms = rule->expiration.has_date
                              ? rule->expiration.date_ms
                              : lifecycle_due_ms(object->created_ms, rule->expiration.days, LIFECYCLE_DAY_MS);
        if (!is_found || when_ms < ret_notice->when_ms)
            *ret_notice = (struct lifecycle_notice){when_ms, rule->id};
        is_found = true;
    }
    return is_found;
}

bool lifecycle_find_abort(const struct lifecycle *lifecycle, struct span key, int64_t initiated_ms,
                          struct lifecycle_notice *ret_notice)
{
    bool is_found = false;
    for (unsigned i = 0; i < lifecycle->rules_count; i++) {
        const struct lifecycle_rule *rule = &lifecycle->rules[i];
        if (!rule->is_enabled || !rule->has_abort ||
            (rule->filter.has_prefix && !span_starts_with(key, rule->filter.prefix)))
            continue;
        int64_t when_ms = lifecycle_due_ms(initiated_ms, rule->abort_days, LIFECYCLE_DAY_MS);
        if (!is_found || when_ms < ret_notice->when_ms)
            *ret_notice = (struct lifecycle_notice){when_ms, rule->id};
        is_found = true;
    }
    return is_found;
}
