/* server/access/acl_document.c -- AccessControlPolicy, element by element. */
#include "server/access/acl_document.h"

#include "s3client/wire/s3_error.h"

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedACLError,
                     "The XML you provided was not well-formed or did not validate against our published schema: %s.",
                     why);
}

static bool refuse_element(struct error *error)
{
    return refuse(error, "an element stands where it does not belong");
}

/* Owner or AccessControlList. */
static bool open_part(struct acl_document *document, struct span element, struct error *error)
{
    document->in_list = span_equal(element, SPAN("AccessControlList"));
    if (!document->in_list)
        return span_equal(element, SPAN("Owner")) || refuse_element(error);
    if (document->has_list)
        return refuse(error, "there is more than one AccessControlList");
    document->has_list = true;
    return true;
}

static bool open_element(void *context, unsigned depth, struct span element, struct error *error)
{
    struct acl_document *document = context;
    switch (depth) {
    case 0:
        return span_equal(element, SPAN("AccessControlPolicy")) || refuse(error, "the root is not AccessControlPolicy");
    case 1:
        return open_part(document, element, error);
    case 2:
        document->kind = GRANTEE_NONE;
        document->type = TYPE_NONE;
        document->permission = 0;
        document->in_grant = document->in_list && span_equal(element, SPAN("Grant"));
        return document->in_grant ||
               (!document->in_list && (span_equal(element, SPAN("ID")) || span_equal(element, SPAN("DisplayName")))) ||
               refuse_element(error);
    case 3:
        document->in_grantee = document->in_grant && span_equal(element, SPAN("Grantee"));
        return document->in_grantee || (document->in_grant && span_equal(element, SPAN("Permission"))) ||
               refuse_element(error);
    case 4:
        return document->in_grantee || refuse_element(error); /* which it is shows at its end */
    default:
        return refuse_element(error);
    }
}

/* xsi:type of a Grantee: namespace declarations and the like are none of ours. */
static bool take_attribute(void *context, unsigned depth, struct span name, struct span value, struct error *error)
{
    struct acl_document *document = context;
    if (depth != 3 || !span_equal(name, SPAN("type")))
        return true;
    if (span_equal(value, SPAN("CanonicalUser")))
        document->type = TYPE_USER;
    else if (span_equal(value, SPAN("Group")))
        document->type = TYPE_GROUP;
    else if (span_equal(value, SPAN("AmazonCustomerByEmail")))
        document->type = TYPE_EMAIL;
    else
        return refuse(error, "a grantee's xsi:type is not known");
    return true;
}

static bool take_grantee(struct acl_document *document, struct span element, struct span text, struct error *error)
{
    if (span_equal(element, SPAN("DisplayName")))
        return true;
    if (document->kind != GRANTEE_NONE)
        return refuse(error, "a grantee has more than one name");
    if (span_equal(element, SPAN("ID")))
        document->kind = GRANTEE_ID;
    else if (span_equal(element, SPAN("URI")))
        document->kind = GRANTEE_URI;
    else if (span_equal(element, SPAN("EmailAddress")))
        document->kind = GRANTEE_EMAIL;
    else
        return refuse_element(error);
    if (text.size == 0 || text.size >= sizeof document->grantee)
        return refuse(error, "a grantee has no name, or one that is too long");
    memcpy(document->grantee, text.data, text.size);
    document->grantee[text.size] = '\0';
    return true;
}

static bool type_fits(const struct acl_document *document)
{
    switch (document->type) {
    case TYPE_USER:
        return document->kind == GRANTEE_ID;
    case TYPE_GROUP:
        return document->kind == GRANTEE_URI;
    case TYPE_EMAIL:
        return document->kind == GRANTEE_EMAIL;
    default:
        return document->kind != GRANTEE_NONE;
    }
}

static bool take_grant(struct acl_document *document, struct error *error)
{
    struct span name = span_from_string(document->grantee);
    if (!type_fits(document))
        return refuse(error, "a grantee's name is missing, or is not of its xsi:type");
    if (document->permission == 0)
        return refuse(error, "a grant has no permission");
    if (document->acl.given == ACL_GRANTS_MAX)
        return refuse(error, "there are more than 100 grants");
    switch (document->kind) {
    case GRANTEE_ID:
        return acl_add_id(&document->acl, name, document->permission, document->accounts, error);
    case GRANTEE_URI:
        return acl_add_uri(&document->acl, name, document->permission, error);
    default:
        return acl_add_email(&document->acl, name, document->permission, document->accounts, error);
    }
}

static bool take_permission(struct acl_document *document, struct span text, struct error *error)
{
    if (document->permission != 0)
        return refuse(error, "a grant has more than one permission");
    document->permission = acl_permission_of_name(text);
    return document->permission != 0 || refuse(error, "a permission is not known");
}

static bool close_element(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct acl_document *document = context;
    text = span_trim(text);
    if (depth == 4)
        return take_grantee(document, element, text, error);
    if (depth == 3 && span_equal(element, SPAN("Permission")))
        return take_permission(document, text, error);
    if (depth == 2 && span_equal(element, SPAN("Grant")))
        return take_grant(document, error);
    if (depth == 2 && span_equal(element, SPAN("ID"))) {
        struct span owner = span_take(text, sizeof document->owner - 1);
        if (owner.size > 0)
            memcpy(document->owner, owner.data, owner.size);
        document->owner[owner.size] = '\0';
    }
    return true;
}

const struct xml_handlers acl_document_handlers = {
    .open = open_element,
    .attribute = take_attribute,
    .close = close_element,
};

bool acl_document_check(const struct acl_document *document, struct error *error)
{
    if (document->owner[0] == '\0')
        return refuse(error, "there is no Owner with an ID");
    return document->has_list || refuse(error, "there is no AccessControlList");
}
