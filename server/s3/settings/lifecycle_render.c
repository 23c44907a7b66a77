/* server/s3/settings/lifecycle_render.c -- a LifecycleConfiguration as its canonical document. */
#include "s3client/wire/date.h"
#include "server/s3/settings/lifecycle.h"

static void render_time(struct xml_writer *xml, const struct lifecycle_time *time, const char *days)
{
    char date[DATE_TEXT_BYTES];
    if (time->has_days)
        xml_decimal(xml, days, (uint64_t)time->days);
    if (!time->has_date)
        return;
    date_format_xml(time->date_ms, date);
    xml_string(xml, "Date", date);
}

static void render_expiration(struct xml_writer *xml, const struct lifecycle_rule *rule)
{
    xml_open(xml, "Expiration");
    render_time(xml, &rule->expiration, "Days");
    if (rule->has_marker_expiration)
        xml_bool(xml, "ExpiredObjectDeleteMarker", rule->expires_markers);
    xml_close(xml);
}

static void render_criteria(struct xml_writer *xml, const struct lifecycle_filter *filter)
{
    if (filter->has_prefix)
        xml_text(xml, "Prefix", filter->prefix);
    for (unsigned i = 0; i < filter->tags_count; i++) {
        xml_open(xml, "Tag");
        xml_text(xml, "Key", filter->tags[i].key);
        xml_text(xml, "Value", filter->tags[i].value);
        xml_close(xml);
    }
    if (filter->has_greater_than)
        xml_decimal(xml, "ObjectSizeGreaterThan", filter->greater_than);
    if (filter->has_less_than)
        xml_decimal(xml, "ObjectSizeLessThan", filter->less_than);
}

static void render_filter(struct xml_writer *xml, const struct lifecycle_rule *rule)
{
    if (rule->is_old_form) {
        xml_text(xml, "Prefix", rule->filter.prefix);
        return;
    }
    xml_open(xml, "Filter");
    if (rule->has_and)
        xml_open(xml, "And");
    render_criteria(xml, &rule->filter);
    if (rule->has_and)
        xml_close(xml);
    xml_close(xml);
}

static void render_transition(struct xml_writer *xml, const char *element, const char *days,
                              const struct lifecycle_transition *transition)
{
    xml_open(xml, element);
    render_time(xml, &transition->time, days);
    if (transition->has_newer_versions)
        xml_decimal(xml, "NewerNoncurrentVersions", (uint64_t)transition->newer_versions);
    if (transition->storage_class.size > 0)
        xml_text(xml, "StorageClass", transition->storage_class);
    xml_close(xml);
}

static void render_rule(struct xml_writer *xml, const struct lifecycle_rule *rule)
{
    xml_open(xml, "Rule");
    if (rule->has_expiration)
        render_expiration(xml, rule);
    xml_text(xml, "ID", rule->id);
    render_filter(xml, rule);
    xml_string(xml, "Status", rule->is_enabled ? "Enabled" : "Disabled");
    for (unsigned i = 0; i < rule->transitions_count; i++)
        render_transition(xml, "Transition", "Days", &rule->transitions[i]);
    for (unsigned i = 0; i < rule->noncurrent_transitions_count; i++)
        render_transition(xml, "NoncurrentVersionTransition", "NoncurrentDays", &rule->noncurrent_transitions[i]);
    if (rule->has_noncurrent_expiration)
        render_transition(xml, "NoncurrentVersionExpiration", "NoncurrentDays", &rule->noncurrent_expiration);
    if (rule->has_abort) {
        xml_open(xml, "AbortIncompleteMultipartUpload");
        xml_decimal(xml, "DaysAfterInitiation", (uint64_t)rule->abort_days);
        xml_close(xml);
    }
    xml_close(xml);
}

void lifecycle_render(const struct lifecycle *lifecycle, struct buffer *to)
{
    struct xml_writer xml;
    document_begin(&xml, to, "LifecycleConfiguration");
    for (unsigned i = 0; i < lifecycle->rules_count; i++)
        render_rule(&xml, &lifecycle->rules[i]);
    document_end(&xml);
}

void lifecycle_store(const struct lifecycle *lifecycle, struct buffer *to)
{
    buffer_append(to, lifecycle->smallest);
    buffer_append_byte(to, '\n');
    lifecycle_render(lifecycle, to);
}
