/* server/s3/settings/logging.c -- BucketLoggingStatus, parsed, rendered, compiled. */
#include "server/s3/settings/logging.h"

#include "s3client/wire/s3_error.h"

static bool refuse_schema(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML, "%s", why);
}

/* ---- parsing ---- */

/* What clients name must be there; what was stored may have gone since, and is named all the same. */
static bool add_id(struct acl *acl, struct span id, unsigned permission, const struct accounts *accounts,
                   struct error *error)
{
    if (accounts != NULL)
        return acl_add_id(acl, id, permission, accounts, error);
    return (id.size > 0 && id.size <= ACCOUNT_ID_BYTES_MAX && acl_add(acl, ACL_ACCOUNT, id, permission)) ||
           refuse_schema(error, "A grantee's ID is empty or too long.");
}

static bool parse_grant(const struct xml_element *grant, const struct accounts *accounts, struct acl *acl,
                        struct error *error)
{
    struct xml_field fields[] = {{"Grantee", 1, 1}, {"Permission", 1, 1}};
    struct xml_field names[] = {{"ID", 0, 1}, {"DisplayName", 0, 1}, {"URI", 0, 1}, {"EmailAddress", 0, 1}};
    if (!xml_tree_sort(grant, fields, 2, error) || !xml_tree_sort(fields[0].first, names, 4, error))
        return false;
    unsigned permission = acl_permission_of_name(fields[1].first->text);
    if (permission != ACL_READ && permission != ACL_WRITE && permission != ACL_FULL_CONTROL)
        return refuse_schema(error, "A Permission in TargetGrants is READ, WRITE or FULL_CONTROL.");
    if (names[0].count + names[2].count + names[3].count != 1)
        return refuse_schema(error, "A Grantee has one of ID, URI and EmailAddress.");
    if (names[0].first != NULL)
        return add_id(acl, names[0].first->text, permission, accounts, error);
    if (names[2].first != NULL)
        return acl_add_uri(acl, names[2].first->text, permission, error);
    return accounts != NULL ? acl_add_email(acl, names[3].first->text, permission, accounts, error)
                            : refuse_schema(error, "A stored grantee has no EmailAddress.");
}

static bool parse_grants(const struct xml_element *grants, const struct accounts *accounts, struct arena *arena,
                         struct logging *logging, struct error *error)
{
    struct xml_field field = {"Grant", 0, ACL_GRANTS_MAX};
    if (grants == NULL)
        return true;
    if (!xml_tree_sort(grants, &field, 1, error))
        return false;
    if (field.count == 0)
        return true;
    logging->grants = document_allocate(arena, sizeof *logging->grants, error);
    if (logging->grants == NULL)
        return false;
    logging->grants->count = logging->grants->given = 0;
    for (const struct xml_element *grant = field.first; grant != NULL; grant = xml_tree_next(grant))
        if (!parse_grant(grant, accounts, logging->grants, error))
            return false;
    return true;
}

static bool parse_keys(const struct xml_element *format, struct logging *logging, struct error *error)
{
    struct xml_field fields[] = {{"SimplePrefix", 0, 1}, {"PartitionedPrefix", 0, 1}};
    struct xml_field source = {"PartitionDateSource", 1, 1};
    logging->keys = LOGGING_KEYS_PLAIN;
    if (format == NULL)
        return true;
    if (!xml_tree_sort(format, fields, 2, error))
        return false;
    if (fields[0].count + fields[1].count != 1)
        return refuse_schema(error, "TargetObjectKeyFormat has either SimplePrefix or PartitionedPrefix.");
    logging->keys = LOGGING_KEYS_SIMPLE;
    if (fields[0].first != NULL)
        return xml_tree_sort(fields[0].first, NULL, 0, error);
    if (!xml_tree_sort(fields[1].first, &source, 1, error))
        return false;
    bool is_event = span_equal(source.first->text, SPAN("EventTime"));
    logging->keys = is_event ? LOGGING_KEYS_BY_EVENT : LOGGING_KEYS_BY_DELIVERY;
    return is_event || span_equal(source.first->text, SPAN("DeliveryTime")) ||
           refuse_schema(error, "PartitionDateSource is EventTime or DeliveryTime.");
}

bool logging_parse(const struct xml_element *root, const struct accounts *accounts, struct arena *arena,
                   struct logging **ret_logging, struct error *error)
{
    struct xml_field enabled = {"LoggingEnabled", 0, 1};
    struct xml_field fields[] = {
        {"TargetBucket", 1, 1}, {"TargetPrefix", 1, 1}, {"TargetGrants", 0, 1}, {"TargetObjectKeyFormat", 0, 1}};
    *ret_logging = NULL;
    if (!xml_tree_expect_root(root, "BucketLoggingStatus", error) || !xml_tree_sort(root, &enabled, 1, error))
        return false;
    if (enabled.first == NULL)
        return true;
    if (!xml_tree_sort(enabled.first, fields, 4, error))
        return false;
    struct logging *logging = document_allocate(arena, sizeof *logging, error);
    if (logging == NULL)
        return false;
    *logging = (struct logging){.target_bucket = fields[0].first->text, .target_prefix = fields[1].first->text};
    if (logging->target_prefix.size > LOGGING_PREFIX_BYTES_MAX)
        return refuse_schema(error, "TargetPrefix has more than 700 bytes: no key has room for it.");
    *ret_logging = logging;
    return parse_grants(fields[2].first, accounts, arena, logging, error) &&
           parse_keys(fields[3].first, logging, error);
}

/* ---- rendering ---- */

static void render_keys(enum logging_keys keys, struct xml_writer *xml)
{
    if (keys == LOGGING_KEYS_PLAIN)
        return;
    xml_open(xml, "TargetObjectKeyFormat");
    if (keys == LOGGING_KEYS_SIMPLE) {
        xml_string(xml, "SimplePrefix", "");
    } else {
        xml_open(xml, "PartitionedPrefix");
        xml_string(xml, "PartitionDateSource", keys == LOGGING_KEYS_BY_EVENT ? "EventTime" : "DeliveryTime");
        xml_close(xml);
    }
    xml_close(xml);
}

void logging_render(const struct logging *logging, const struct accounts *accounts, struct buffer *to)
{
    struct xml_writer xml;
    document_begin(&xml, to, "BucketLoggingStatus");
    xml_open(&xml, "LoggingEnabled");
    xml_text(&xml, "TargetBucket", logging->target_bucket);
    if (logging->grants != NULL) {
        xml_open(&xml, "TargetGrants");
        acl_write_grants(&xml, logging->grants, accounts);
        xml_close(&xml);
    }
    xml_text(&xml, "TargetPrefix", logging->target_prefix);
    render_keys(logging->keys, &xml);
    xml_close(&xml);
    document_end(&xml);
}

bool logging_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                     const void **ret_logging, struct error *error)
{
    const struct xml_element *root;
    struct logging *logging;
    (void)bucket;
    if (!xml_tree_parse(document, arena, &root, error) || !logging_parse(root, NULL, arena, &logging, error))
        return false;
    *ret_logging = logging;
    return true;
}
