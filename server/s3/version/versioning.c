/* server/s3/version/versioning.c -- GET and PUT /bucket?versioning and ?object-lock: what a bucket does with versions.
 *
 * Neither is a setting of the journal: both stand in the bucket's row of the store, where the step that commits a
 * version sees them (402, 456). */
#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_tree.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/headers/locks.h"
#include "server/s3/operations.h"

enum { DAYS_MAX = 36500, YEARS_MAX = 100 };

static bool refuse_document(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML,
                     "The XML you provided was not well-formed or did not validate against our published schema: %s.",
                     why);
}

/* ---- versioning ---- */

SUSPENDS bool s3_get_bucket_versioning(struct s3_request *request, struct error *error)
{
    struct s3_document document;
    enum bucket_versioning versioning = request->bucket_info.versioning;
    s3_document_open(&document, "VersioningConfiguration");
    if (versioning != VERSIONING_NEVER)
        xml_string(&document.xml, "Status", versioning == VERSIONING_ENABLED ? "Enabled" : "Suspended");
    return s3_document_send(request, &document, error);
}

static bool parse_versioning(const struct xml_element *root, enum bucket_versioning *ret_versioning,
                             struct error *error)
{
    struct xml_field fields[] = {{"Status", 1, 1}, {"MfaDelete", 0, 1}};
    if (!xml_tree_expect_root(root, "VersioningConfiguration", error) || !xml_tree_sort(root, fields, 2, error))
        return false;
    struct span status = fields[0].first->text;
    if (!span_equal(status, SPAN("Enabled")) && !span_equal(status, SPAN("Suspended")))
        return refuse_document(error, "Status is neither Enabled nor Suspended");
    *ret_versioning = span_equal(status, SPAN("Enabled")) ? VERSIONING_ENABLED : VERSIONING_SUSPENDED;
    if (fields[1].count == 0 || span_equal(fields[1].first->text, SPAN("Disabled")))
        return true;
    return span_equal(fields[1].first->text, SPAN("Enabled"))
               ? error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "MfaDelete is not implemented.")
               : refuse_document(error, "MfaDelete is neither Enabled nor Disabled");
}

SUSPENDS bool s3_put_bucket_versioning(struct s3_request *request, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX};
    const struct xml_element *root;
    enum bucket_versioning versioning = VERSIONING_NEVER;
    if (!s3_read_tree(request, &rules, &root, error) || !parse_versioning(root, &versioning, error) ||
        !bucket_set_versioning(request->settings->store, request->bucket, versioning, error))
        return false;
    s3_answer_begin(request, 200);
    return s3_answer_empty(request, error);
}

/* ---- object lock ---- */

SUSPENDS bool s3_get_object_lock_configuration(struct s3_request *request, struct error *error)
{
    const struct bucket_info *bucket = &request->bucket_info;
    const struct default_retention *retention = &bucket->retention;
    struct s3_document document;
    if (!bucket->has_lock)
        return error_set(error, ERROR_NOT_FOUND, S3_ObjectLockConfigurationNotFoundError,
                         "Object Lock configuration does not exist for this bucket");
    s3_document_open(&document, "ObjectLockConfiguration");
    xml_string(&document.xml, "ObjectLockEnabled", "Enabled");
    if (retention->mode != LOCK_NONE) {
        xml_open(&document.xml, "Rule");
        xml_open(&document.xml, "DefaultRetention");
        xml_string(&document.xml, "Mode", locks_mode_name(retention->mode));
        if (retention->days > 0)
            xml_decimal(&document.xml, "Days", retention->days);
        else
            xml_decimal(&document.xml, "Years", retention->years);
        xml_close(&document.xml);
        xml_close(&document.xml);
    }
    return s3_document_send(request, &document, error);
}

/* 1 to `most`. */
static bool parse_length(struct s3_request *request, const struct xml_element *element, uint64_t most,
                         unsigned *ret_length, struct error *error)
{
    struct span text = span_trim(element->text);
    bool is_negative = span_starts_with(text, SPAN("-"));
    const char *name = most == DAYS_MAX ? "Days" : "Years";
    uint64_t length;
    if (!decimal_parse(span_skip(text, is_negative ? 1 : 0), &length))
        return refuse_document(error, "Days and Years are numbers");
    if (is_negative || length == 0)
        return s3_refuse_argument(request, name, text, "Default retention period must be a positive integer value.",
                                  error);
    if (length > most)
        return s3_refuse_argument(request, name, text, "Default retention period too large", error);
    *ret_length = (unsigned)length;
    return true;
}

static bool parse_default(struct s3_request *request, const struct xml_element *rule,
                          struct default_retention *retention, struct error *error)
{
    struct xml_field in_rule[] = {{"DefaultRetention", 1, 1}};
    struct xml_field fields[] = {{"Mode", 1, 1}, {"Days", 0, 1}, {"Years", 0, 1}};
    if (!xml_tree_sort(rule, in_rule, 1, error) || !xml_tree_sort(in_rule[0].first, fields, 3, error))
        return false;
    if (!locks_parse_mode(fields[0].first->text, &retention->mode))
        return refuse_document(error, "Mode is neither GOVERNANCE nor COMPLIANCE");
    if (fields[1].count == fields[2].count)
        return refuse_document(error, "either Days or Years");
    return fields[1].count > 0 ? parse_length(request, fields[1].first, DAYS_MAX, &retention->days, error)
                               : parse_length(request, fields[2].first, YEARS_MAX, &retention->years, error);
}

static bool parse_lock(struct s3_request *request, const struct xml_element *root,
                       struct default_retention *ret_retention, struct error *error)
{
    struct xml_field fields[] = {{"ObjectLockEnabled", 1, 1}, {"Rule", 0, 1}};
    *ret_retention = (struct default_retention){.mode = LOCK_NONE};
    if (!xml_tree_expect_root(root, "ObjectLockConfiguration", error) || !xml_tree_sort(root, fields, 2, error))
        return false;
    if (!span_equal(fields[0].first->text, SPAN("Enabled")))
        return refuse_document(error, "ObjectLockEnabled is not Enabled");
    return fields[1].count == 0 || parse_default(request, fields[1].first, ret_retention, error);
}

SUSPENDS bool s3_put_object_lock_configuration(struct s3_request *request, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .needs_checksum = true};
    const struct xml_element *root;
    struct default_retention retention;
    if (!s3_read_tree(request, &rules, &root, error) || !parse_lock(request, root, &retention, error) ||
        !bucket_set_lock(request->settings->store, request->bucket, &retention, error))
        return false;
    s3_answer_begin(request, 200);
    return s3_answer_empty(request, error);
}
