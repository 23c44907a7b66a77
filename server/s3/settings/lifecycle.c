/* server/s3/settings/lifecycle.c -- a LifecycleConfiguration: out of a document, validated. */
#include "server/s3/settings/lifecycle.h"

#include "runtime/base/hex.h"
#include "runtime/base/random.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"

enum {
    ID_CHARACTERS_MAX = 255,
    ID_BYTES = 24, /* of one that is made */
    NEWER_VERSIONS_MAX = 100,
};

static bool refuse_schema(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML, "%s", why);
}

/* `why` begins with the name of the element. */
static bool refuse_argument(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidArgument, "%s", why);
}

static bool refuse_request(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest, "%s", why);
}

/* ---- the filter ---- */

static bool parse_tag(const struct xml_element *element, struct lifecycle_tag *ret_tag, struct error *error)
{
    struct xml_field fields[] = {{"Key", 1, 1}, {"Value", 1, 1}};
    if (!xml_tree_sort(element, fields, 2, error))
        return false;
    *ret_tag = (struct lifecycle_tag){fields[0].first->text, fields[1].first->text};
    if (ret_tag->key.size == 0 || document_count_characters(ret_tag->key) > 128 ||
        document_count_characters(ret_tag->value) > 256)
        return error_set(error, ERROR_INVALID, S3_InvalidTag, "The tag of the filter is none that an object can have.");
    return true;
}

static bool parse_tags(const struct xml_field *field, struct arena *arena, struct lifecycle_filter *filter,
                       struct error *error)
{
    if (field->count == 0)
        return true;
    if (field->count > 10) /* as many as an object can have: also what bounds the comparison below */
        return refuse_request(error, "A filter may have 10 tags.");
    filter->tags = document_allocate(arena, field->count * sizeof filter->tags[0], error);
    if (filter->tags == NULL)
        return false;
    for (const struct xml_element *tag = field->first; tag != NULL; tag = xml_tree_next(tag)) {
        struct lifecycle_tag *parsed = &filter->tags[filter->tags_count];
        if (!parse_tag(tag, parsed, error))
            return false;
        for (unsigned i = 0; i < filter->tags_count; i++)
            if (span_equal(filter->tags[i].key, parsed->key))
                return refuse_request(error, "Duplicate Tag Keys are not allowed.");
        filter->tags_count++;
    }
    return true;
}

/* The criteria in a Filter, or in its And. */
static bool parse_criteria(const struct xml_field fields[4], struct arena *arena, struct lifecycle_filter *filter,
                           struct error *error)
{
    filter->has_prefix = fields[0].count > 0;
    filter->prefix = filter->has_prefix ? fields[0].first->text : SPAN_EMPTY;
    filter->has_greater_than = fields[2].count > 0;
    filter->has_less_than = fields[3].count > 0;
    if (!parse_tags(&fields[1], arena, filter, error) ||
        (filter->has_greater_than && !document_take_size(fields[2].first, &filter->greater_than, error)) ||
        (filter->has_less_than && !document_take_size(fields[3].first, &filter->less_than, error)))
        return false;
    if (filter->has_greater_than && filter->has_less_than && filter->greater_than >= filter->less_than)
        return refuse_request(error, "ObjectSizeGreaterThan must be less than ObjectSizeLessThan.");
    return true;
}

static bool parse_filter(const struct xml_element *element, struct arena *arena, struct lifecycle_rule *rule,
                         struct error *error)
{
    struct xml_field fields[] = {{"Prefix", 0, 1},
                                 {"Tag", 0, UINT32_MAX},
                                 {"ObjectSizeGreaterThan", 0, 1},
                                 {"ObjectSizeLessThan", 0, 1},
                                 {"And", 0, 1}};
    if (!xml_tree_sort(element, fields, 5, error))
        return false;
    rule->has_and = fields[4].count > 0;
    if (!rule->has_and)
        return parse_criteria(fields, arena, &rule->filter, error);
    if (fields[0].count + fields[1].count + fields[2].count + fields[3].count > 0)
        return refuse_schema(error, "A Filter with And has nothing beside it.");
    struct xml_field inner[] = {
        {"Prefix", 0, 1}, {"Tag", 0, UINT32_MAX}, {"ObjectSizeGreaterThan", 0, 1}, {"ObjectSizeLessThan", 0, 1}};
    return xml_tree_sort(fields[4].first, inner, 4, error) && parse_criteria(inner, arena, &rule->filter, error);
}

/* ---- the actions ---- */

static bool parse_date(const struct xml_element *element, int64_t *ret_date_ms, struct error *error)
{
    const int64_t day_ms = 24 * INT64_C(3600) * 1000;
    if (!date_parse_xml(element->text, ret_date_ms))
        return refuse_argument(error, "Date must be at midnight GMT, in the ISO 8601 format.");
    return *ret_date_ms % day_ms == 0 || refuse_argument(error, "Date must be at midnight GMT.");
}

static bool parse_time(const struct xml_field *date, const struct xml_field *days, int64_t days_min,
                       struct lifecycle_time *time, struct error *error)
{
    time->has_date = date->count > 0;
    time->has_days = days->count > 0;
    if (time->has_date && time->has_days)
        return refuse_schema(error, "Days and Date exclude each other.");
    if (time->has_date)
        return parse_date(date->first, &time->date_ms, error);
    if (!time->has_days)
        return true;
    if (!document_take_integer(days->first, &time->days, error))
        return false;
    return time->days >= days_min || refuse_argument(error, days_min == 0 ? "Days must be a nonnegative integer."
                                                                          : "Days must be a positive integer.");
}

static bool parse_bool(const struct xml_element *element, bool *ret_value, struct error *error)
{
    *ret_value = span_equal_ignore_case(element->text, SPAN("true"));
    return *ret_value || span_equal_ignore_case(element->text, SPAN("false")) ||
           refuse_schema(error, "ExpiredObjectDeleteMarker is true or false.");
}

static bool parse_expiration(const struct xml_field *field, struct lifecycle_rule *rule, struct error *error)
{
    struct xml_field fields[] = {{"Date", 0, 1}, {"Days", 0, 1}, {"ExpiredObjectDeleteMarker", 0, 1}};
    rule->has_expiration = field->count > 0;
    if (!rule->has_expiration)
        return true;
    if (!xml_tree_sort(field->first, fields, 3, error))
        return false;
    rule->has_marker_expiration = fields[2].count > 0;
    if (fields[0].count + fields[1].count + fields[2].count != 1)
        return refuse_schema(error, "Expiration has exactly one of Date, Days and ExpiredObjectDeleteMarker.");
    if (rule->has_marker_expiration)
        return parse_bool(fields[2].first, &rule->expires_markers, error);
    return parse_time(&fields[0], &fields[1], 1, &rule->expiration, error);
}

static bool is_transition_class(struct span name)
{
    static const char *const classes[] = {"STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
                                          "GLACIER",     "GLACIER_IR", "DEEP_ARCHIVE"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (span_equal(name, span_from_string(classes[i])))
            return true;
    return false;
}

static bool parse_transition(const struct xml_element *element, struct lifecycle_transition *transition,
                             struct error *error)
{
    struct xml_field fields[] = {{"Date", 0, 1}, {"Days", 0, 1}, {"StorageClass", 1, 1}};
    *transition = (struct lifecycle_transition){0};
    if (!xml_tree_sort(element, fields, 3, error) || !parse_time(&fields[0], &fields[1], 0, &transition->time, error))
        return false;
    transition->storage_class = fields[2].first->text;
    return transition->time.has_date || transition->time.has_days ||
           refuse_schema(error, "A Transition has Date or Days.");
}

/* Of NoncurrentVersionTransition and NoncurrentVersionExpiration. */
static bool parse_noncurrent(const struct xml_element *element, unsigned classes_count,
                             struct lifecycle_transition *transition, struct error *error)
{
    struct xml_field fields[] = {
        {"NoncurrentDays", 1, 1}, {"NewerNoncurrentVersions", 0, 1}, {"StorageClass", classes_count, classes_count}};
    *transition = (struct lifecycle_transition){.time.has_days = true};
    if (!xml_tree_sort(element, fields, classes_count > 0 ? 3 : 2, error) ||
        !document_take_integer(fields[0].first, &transition->time.days, error))
        return false;
    if (transition->time.days < 1)
        return refuse_argument(error, "NoncurrentDays must be a positive integer.");
    transition->has_newer_versions = fields[1].count > 0;
    if (transition->has_newer_versions && !document_take_integer(fields[1].first, &transition->newer_versions, error))
        return false;
    if (transition->has_newer_versions &&
        (transition->newer_versions < 1 || transition->newer_versions > NEWER_VERSIONS_MAX))
        return refuse_argument(error, "NewerNoncurrentVersions must be from 1 to 100.");
    transition->storage_class = classes_count > 0 ? fields[2].first->text : SPAN_EMPTY;
    return true;
}

static bool parse_noncurrent_transition(const struct xml_element *element, struct lifecycle_transition *transition,
                                        struct error *error)
{
    return parse_noncurrent(element, 1, transition, error);
}

/* Each later than the one before it, and to another class (statement 588). */
static bool check_transitions(const struct lifecycle_transition *transitions, unsigned count, struct error *error)
{
    for (unsigned i = 0; i < count; i++) {
        const struct lifecycle_transition *now = &transitions[i];
        if (!is_transition_class(now->storage_class))
            return refuse_schema(error, "StorageClass is none that objects can move to.");
        for (unsigned k = 0; k < i; k++)
            if (span_equal(now->storage_class, transitions[k].storage_class))
                return refuse_request(error, "There may be one transition to a StorageClass.");
        if (i == 0)
            continue;
        const struct lifecycle_transition *before = &transitions[i - 1];
        if (now->time.has_date != before->time.has_date)
            return refuse_request(error, "Found mixed 'Date' and 'Days' based Transition actions.");
        if (now->time.has_date ? now->time.date_ms <= before->time.date_ms : now->time.days <= before->time.days)
            return refuse_request(error, "Each Transition must come later than the one before it.");
    }
    return true;
}

static bool parse_transitions(const struct xml_field *field, struct arena *arena,
                              bool (*parse)(const struct xml_element *, struct lifecycle_transition *, struct error *),
                              struct lifecycle_transition **ret_transitions, unsigned *ret_count, struct error *error)
{
    if (field->count == 0)
        return true;
    *ret_transitions = document_allocate(arena, field->count * sizeof **ret_transitions, error);
    if (*ret_transitions == NULL)
        return false;
    for (const struct xml_element *element = field->first; element != NULL; element = xml_tree_next(element)) {
        if (!parse(element, &(*ret_transitions)[*ret_count], error))
            return false;
        ++*ret_count;
        if (!check_transitions(*ret_transitions, *ret_count, error)) /* so never more than there are classes */
            return false;
    }
    return true;
}

static bool parse_abort(const struct xml_field *field, struct lifecycle_rule *rule, struct error *error)
{
    struct xml_field days = {"DaysAfterInitiation", 1, 1};
    rule->has_abort = field->count > 0;
    if (!rule->has_abort)
        return true;
    if (!xml_tree_sort(field->first, &days, 1, error) || !document_take_integer(days.first, &rule->abort_days, error))
        return false;
    return rule->abort_days >= 1 || refuse_argument(error, "DaysAfterInitiation must be a positive integer.");
}

/* ---- the rule ---- */

static bool make_id(struct arena *arena, struct span *ret_id, struct error *error)
{
    uint8_t bytes[ID_BYTES];
    char *text = document_allocate(arena, 2 * ID_BYTES, error);
    if (text == NULL)
        return false;
    random_fill(random_system(), bytes, sizeof bytes);
    hex_encode(span_of(bytes, sizeof bytes), text);
    *ret_id = span_of(text, 2 * ID_BYTES);
    return true;
}

static bool parse_names(const struct xml_field *id, const struct xml_field *status, struct arena *arena,
                        struct lifecycle_rule *rule, struct error *error)
{
    rule->is_enabled = span_equal(status->first->text, SPAN("Enabled"));
    if (!rule->is_enabled && !span_equal(status->first->text, SPAN("Disabled")))
        return refuse_schema(error, "Status is Enabled or Disabled.");
    if (id->count == 0 || id->first->text.size == 0)
        return make_id(arena, &rule->id, error);
    rule->id = id->first->text;
    return document_count_characters(rule->id) <= ID_CHARACTERS_MAX ||
           refuse_argument(error, "ID length should not exceed allowed limit of 255");
}

/* What a rule cannot have together (statements 586, 587). */
static bool check_rule(const struct lifecycle_rule *rule, struct error *error)
{
    bool is_narrow = rule->filter.tags_count > 0 || rule->filter.has_greater_than || rule->filter.has_less_than;
    bool acts = rule->has_expiration || rule->transitions_count > 0 || rule->noncurrent_transitions_count > 0 ||
                rule->has_noncurrent_expiration || rule->has_abort;
    if (!acts)
        return refuse_request(error, "At least one action needs to be specified in a rule.");
    if (is_narrow && rule->has_abort)
        return refuse_request(error, "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes.");
    if (is_narrow && rule->has_marker_expiration)
        return refuse_request(error, "ExpiredObjectDeleteMarker cannot be specified with Tags or object sizes.");
    return true;
}

static bool parse_rule(const struct xml_element *element, struct arena *arena, struct lifecycle_rule *rule,
                       struct error *error)
{
    enum { EXPIRATION, ID, FILTER, PREFIX, STATUS, TRANSITION, OLD_TRANSITION, OLD_EXPIRATION, ABORT, FIELDS };
    struct xml_field fields[FIELDS] = {
        [EXPIRATION] = {"Expiration", 0, 1},
        [ID] = {"ID", 0, 1},
        [FILTER] = {"Filter", 0, 1},
        [PREFIX] = {"Prefix", 0, 1},
        [STATUS] = {"Status", 1, 1},
        [TRANSITION] = {"Transition", 0, UINT32_MAX},
        [OLD_TRANSITION] = {"NoncurrentVersionTransition", 0, UINT32_MAX},
        [OLD_EXPIRATION] = {"NoncurrentVersionExpiration", 0, 1},
        [ABORT] = {"AbortIncompleteMultipartUpload", 0, 1},
    };
    *rule = (struct lifecycle_rule){0};
    if (!xml_tree_sort(element, fields, FIELDS, error) ||
        !parse_names(&fields[ID], &fields[STATUS], arena, rule, error))
        return false;
    if (fields[FILTER].count + fields[PREFIX].count != 1)
        return refuse_schema(error, "A rule has either a Filter or a Prefix.");
    rule->is_old_form = fields[PREFIX].count > 0;
    if (rule->is_old_form)
        rule->filter = (struct lifecycle_filter){.has_prefix = true, .prefix = fields[PREFIX].first->text};
    else if (!parse_filter(fields[FILTER].first, arena, rule, error))
        return false;
    rule->has_noncurrent_expiration = fields[OLD_EXPIRATION].count > 0;
    return parse_expiration(&fields[EXPIRATION], rule, error) &&
           parse_transitions(&fields[TRANSITION], arena, parse_transition, &rule->transitions, &rule->transitions_count,
                             error) &&
           parse_transitions(&fields[OLD_TRANSITION], arena, parse_noncurrent_transition, &rule->noncurrent_transitions,
                             &rule->noncurrent_transitions_count, error) &&
           (!rule->has_noncurrent_expiration ||
            parse_noncurrent(fields[OLD_EXPIRATION].first, 0, &rule->noncurrent_expiration, error)) &&
           parse_abort(&fields[ABORT], rule, error) && check_rule(rule, error);
}

/* ---- the document ---- */

static bool check_ids(const struct lifecycle *lifecycle, struct error *error)
{
    for (unsigned i = 0; i < lifecycle->rules_count; i++)
        for (unsigned k = 0; k < i; k++)
            if (span_equal(lifecycle->rules[i].id, lifecycle->rules[k].id))
                return refuse_argument(error, "ID must be unique. Found same ID for more than one rule.");
    return true;
}

bool lifecycle_parse(const struct xml_element *root, struct arena *arena, struct lifecycle **ret_lifecycle,
                     struct error *error)
{
    struct xml_field rules = {"Rule", 1, UINT32_MAX};
    if (!xml_tree_expect_root(root, "LifecycleConfiguration", error) || !xml_tree_sort(root, &rules, 1, error))
        return false;
    if (rules.count > LIFECYCLE_RULES_MAX)
        return refuse_request(error, "The number of lifecycle rules must not exceed the allowed limit of 1000 rules");
    struct lifecycle *lifecycle = document_allocate(arena, sizeof *lifecycle, error);
    if (lifecycle == NULL)
        return false;
    *lifecycle = (struct lifecycle){.rules_count = rules.count, .smallest = SPAN(LIFECYCLE_SMALLEST_DEFAULT)};
    lifecycle->rules = document_allocate(arena, rules.count * sizeof lifecycle->rules[0], error);
    if (lifecycle->rules == NULL)
        return false;
    const struct xml_element *element = rules.first;
    for (unsigned i = 0; i < rules.count; i++, element = xml_tree_next(element))
        if (!parse_rule(element, arena, &lifecycle->rules[i], error))
            return false;
    *ret_lifecycle = lifecycle;
    return check_ids(lifecycle, error);
}

bool lifecycle_is_smallest(struct span text)
{
    return span_equal(text, SPAN(LIFECYCLE_SMALLEST_DEFAULT)) || span_equal(text, SPAN("varies_by_storage_class"));
}

bool lifecycle_split(struct span stored, struct span *ret_smallest, struct span *ret_document, struct error *error)
{
    size_t end = span_find(stored, '\n');
    *ret_smallest = span_take(stored, end);
    if (end == SIZE_MAX || !lifecycle_is_smallest(*ret_smallest))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "a stored lifecycle configuration is none");
    *ret_document = span_skip(stored, end + 1);
    return true;
}

bool lifecycle_compile(const struct bucket_info *bucket, struct span stored, struct arena *arena,
                       const void **ret_lifecycle, struct error *error)
{
    (void)bucket;
    struct span smallest;
    struct span document;
    const struct xml_element *root;
    struct lifecycle *lifecycle;
    if (!lifecycle_split(stored, &smallest, &document, error) || !xml_tree_parse(document, arena, &root, error) ||
        !lifecycle_parse(root, arena, &lifecycle, error))
        return false;
    lifecycle->smallest = smallest;
    *ret_lifecycle = lifecycle;
    return true;
}
