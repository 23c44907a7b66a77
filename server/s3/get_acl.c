/* server/s3/get_acl.c -- GET ?acl of a bucket or an object: the owner has full control, and nobody else has any. */
#include "server/s3/answer.h"
#include "server/s3/operations.h"

static void write_grant(struct s3_document *document, const struct s3_request *request, const char *owner_id)
{
    const struct account *owner = accounts_find_id(request->settings->accounts, span_from_string(owner_id));
    xml_open(&document->xml, "Grant");
    buffer_append_string(&document->text, "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                                          "xsi:type=\"CanonicalUser\">");
    xml_string(&document->xml, "ID", owner_id);
    xml_string(&document->xml, "DisplayName", owner != NULL ? owner->name : owner_id);
    buffer_append_string(&document->text, "</Grantee>");
    xml_string(&document->xml, "Permission", "FULL_CONTROL");
    xml_close(&document->xml);
}

/* The ACL of a missing object is missing as well. */
static SUSPENDS bool check_object(struct s3_request *request, struct error *error)
{
    struct object_attributes attributes;
    struct object_name name = {.bucket = request->bucket, .key = request->key};
    return s3_request_version(request, &name.version, error) &&
           bucket_head(request->settings->store, &name, request->arena, &attributes, error);
}

SUSPENDS bool s3_get_acl(struct s3_request *request, struct error *error)
{
    struct s3_document document;
    const char *owner = request->bucket_info.owner;
    if (request->level == LEVEL_OBJECT && !check_object(request, error))
        return false;
    s3_document_open(&document, "AccessControlPolicy");
    s3_document_owner(&document, request, owner);
    xml_open(&document.xml, "AccessControlList");
    write_grant(&document, request, owner);
    xml_close(&document.xml);
    return s3_document_send(request, &document, error);
}
