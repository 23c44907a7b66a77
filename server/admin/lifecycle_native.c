/* server/admin/lifecycle_native.c -- /lifecycle/native: a bucket's rules as the backend could have them. */
#include "s3client/wire/date.h"
#include "server/admin/document.h"
#include "server/admin/lifecycle.h"
#include "server/lifecycle/native_rules.h"

enum { ARENA_BYTES = 4 << 20 };

/* ---- as aws s3api put-bucket-lifecycle-configuration takes them ---- */

static void add_time(struct json_object *to, const struct lifecycle_time *time, const char *days)
{
    char date[DATE_TEXT_BYTES];
    if (time->has_days)
        admin_add_number(to, days, (uint64_t)time->days);
    if (!time->has_date)
        return;
    date_format_xml(time->date_ms, date);
    admin_add_text(to, "Date", span_from_string(date));
}

static struct json_object *describe_tag(const struct lifecycle_tag *tag)
{
    struct json_object *row = json_object_new_object();
    admin_add_text(row, "Key", tag->key);
    admin_add_text(row, "Value", tag->value);
    return row;
}

static struct json_object *describe_filter(const struct lifecycle_rule *rule)
{
    const struct lifecycle_filter *filter = &rule->filter;
    struct json_object *row = json_object_new_object();
    struct json_object *criteria = rule->has_and ? json_object_new_object() : row;
    struct json_object *tags = json_object_new_array();
    if (filter->has_prefix)
        admin_add_text(criteria, "Prefix", filter->prefix);
    for (unsigned i = 0; i < filter->tags_count; i++)
        json_object_array_add(tags, describe_tag(&filter->tags[i]));
    if (rule->has_and) {
        json_object_object_add(criteria, "Tags", tags);
        json_object_object_add(row, "And", criteria);
        return row;
    }
    if (filter->tags_count > 0)
        json_object_object_add(row, "Tag", describe_tag(&filter->tags[0]));
    json_object_put(tags);
    return row;
}

static struct json_object *describe_expiration(const struct lifecycle_rule *rule)
{
    struct json_object *row = json_object_new_object();
    add_time(row, &rule->expiration, "Days");
    if (rule->has_marker_expiration)
        admin_add_flag(row, "ExpiredObjectDeleteMarker", rule->expires_markers);
    return row;
}

static struct json_object *describe_transition(const struct lifecycle_transition *transition, const char *days)
{
    struct json_object *row = json_object_new_object();
    add_time(row, &transition->time, days);
    if (transition->has_newer_versions)
        admin_add_number(row, "NewerNoncurrentVersions", (uint64_t)transition->newer_versions);
    if (transition->storage_class.size > 0)
        admin_add_text(row, "StorageClass", transition->storage_class);
    return row;
}

static void add_transitions(struct json_object *to, const char *name, const char *days,
                            const struct lifecycle_transition *transitions, unsigned count)
{
    struct json_object *rows = json_object_new_array();
    for (unsigned i = 0; i < count; i++)
        json_object_array_add(rows, describe_transition(&transitions[i], days));
    if (count > 0)
        json_object_object_add(to, name, rows);
    else
        json_object_put(rows);
}

static struct json_object *describe_rule(const struct lifecycle_rule *rule)
{
    struct json_object *row = json_object_new_object();
    admin_add_text(row, "ID", rule->id);
    admin_add_text(row, "Status", SPAN("Enabled"));
    json_object_object_add(row, "Filter", describe_filter(rule));
    if (rule->has_expiration)
        json_object_object_add(row, "Expiration", describe_expiration(rule));
    add_transitions(row, "Transitions", "Days", rule->transitions, rule->transitions_count);
    add_transitions(row, "NoncurrentVersionTransitions", "NoncurrentDays", rule->noncurrent_transitions,
                    rule->noncurrent_transitions_count);
    if (rule->has_noncurrent_expiration)
        json_object_object_add(row, "NoncurrentVersionExpiration",
                               describe_transition(&rule->noncurrent_expiration, "NoncurrentDays"));
    if (rule->has_abort) {
        struct json_object *abort = json_object_new_object();
        admin_add_number(abort, "DaysAfterInitiation", (uint64_t)rule->abort_days);
        json_object_object_add(row, "AbortIncompleteMultipartUpload", abort);
    }
    return row;
}

static void add_rules(struct json_object *document, const struct native_rules *rules)
{
    struct json_object *configuration = json_object_new_object();
    struct json_object *rows = json_object_new_array();
    struct json_object *omissions = json_object_new_array();
    struct buffer xml;
    buffer_init(&xml, 0);
    lifecycle_render(&rules->lifecycle, &xml);
    for (unsigned i = 0; i < rules->lifecycle.rules_count; i++)
        json_object_array_add(rows, describe_rule(&rules->lifecycle.rules[i]));
    for (unsigned i = 0; i < rules->omissions_count; i++) {
        struct json_object *row = json_object_new_object();
        admin_add_text(row, "id", rules->omissions[i].rule);
        admin_add_text(row, "why", span_from_string(rules->omissions[i].why));
        json_object_array_add(omissions, row);
    }
    json_object_object_add(configuration, "Rules", rows);
    json_object_object_add(document, "configuration", configuration);
    admin_add_text(document, "xml", buffer_span(&xml));
    json_object_object_add(document, "left_out", omissions);
    buffer_free(&xml);
}

/* ---- the page ---- */

SUSPENDS static bool describe(const struct admin_view *view, struct span name, struct json_object *document,
                              struct error *error)
{
    struct lifecycle_runner *runner = view->lifecycle;
    const struct bucket_settings *settings;
    struct bucket_info bucket;
    struct native_rules rules;
    struct arena arena;
    if (!bucket_find(runner->store, name, &bucket, error) || !settings_pin(runner->settings, &bucket, &settings, error))
        return false;
    arena_init(&arena, ARENA_BYTES);
    const struct lifecycle *lifecycle = settings_compiled(settings, SETTING_LIFECYCLE);
    bool done = lifecycle != NULL ? native_rules_make(lifecycle, span_from_string(view->backend->native_prefix), &arena,
                                                      &rules, error)
                                  : settings_are_whole(settings, error) &&
                                        error_set(error, ERROR_NOT_FOUND, NULL, "the bucket has no lifecycle rules");
    if (done)
        add_rules(document, &rules);
    arena_free(&arena);
    settings_unpin(runner->settings, settings);
    return done;
}

SUSPENDS void admin_answer_lifecycle_native(struct http_exchange *exchange, const struct admin_view *view)
{
    struct span bucket;
    struct error error;
    if (admin_find_lifecycle(exchange, view) == NULL)
        return;
    if (view->backend->native_prefix == NULL) {
        admin_refuse(exchange, 404, "objects lie in a folder: there is no backend that has rules of its own");
        return;
    }
    if (!admin_find_parameter(exchange, "bucket", &bucket) || bucket.size == 0 || bucket.size > BUCKET_NAME_BYTES_MAX ||
        bucket.data[0] == '.') {
        admin_refuse(exchange, 400, "of which bucket? ?bucket=NAME");
        return;
    }
    struct json_object *document = json_object_new_object();
    admin_add_text(document, "bucket", bucket);
    if (describe(view, bucket, document, &error)) {
        admin_answer_document(exchange, 200, document);
        return;
    }
    json_object_put(document);
    admin_refuse_error(exchange, &error);
}
