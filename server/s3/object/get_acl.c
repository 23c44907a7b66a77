/* server/s3/object/get_acl.c -- GET ?acl of a bucket or an object. No ACL can be set, so there is one that never
 * changes: the bucket's owner may do all (statements 307 and 355). */
#include "server/s3/shared/answer.h"
#include "server/s3/shared/operations.h"

static SUSPENDS bool answer_owners(struct s3_request *request, struct error *error)
{
    struct s3_document document;
    struct xml_writer *xml = &document.xml;
    const char *owner = request->bucket_info.owner;
    s3_document_open(&document, "AccessControlPolicy");
    s3_document_owner(&document, request, owner);
    xml_open(xml, "AccessControlList");
    xml_open(xml, "Grant");
    xml_open_typed(xml, "Grantee", "CanonicalUser");
    s3_document_account_names(&document, request, span_from_string(owner));
    xml_close(xml);
    xml_string(xml, "Permission", "FULL_CONTROL");
    xml_close(xml);
    xml_close(xml);
    return s3_document_send(request, &document, error);
}

SUSPENDS bool s3_get_bucket_acl(struct s3_request *request, struct error *error)
{
    return answer_owners(request, error);
}

SUSPENDS bool s3_get_object_acl(struct s3_request *request, struct error *error)
{
    struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct object_attributes attributes;
    if (!s3_request_version(request, &name.version, error))
        return false;
    if (!bucket_head(request->settings->store, &name, request->arena, &attributes, error))
        return s3_explain_missing(&name, error);
    return answer_owners(request, error);
}
