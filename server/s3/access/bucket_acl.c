/* server/s3/access/bucket_acl.c -- GET and PUT /bucket?acl. */
#include "server/s3/access/access_settings.h"
#include "server/s3/access/put_acl.h"
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_get_bucket_acl(struct s3_request *request, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    struct s3_document document;
    s3_document_open(&document, "AccessControlPolicy");
    acl_write(&document.xml, access_counts_acls(bucket) ? bucket->acl : SPAN_EMPTY, bucket->owner,
              request->settings->accounts);
    return s3_document_send(request, &document, error);
}

SUSPENDS bool s3_put_bucket_acl(struct s3_request *request, struct error *error)
{
    const struct access_bucket *bucket = &request->access;
    const struct acl_owners owners = {bucket->owner, bucket->owner};
    struct span packed;
    if (!access_counts_acls(bucket))
        return acl_request_refuse(error);
    return put_acl_take(request, ACL_OF_BUCKET, &owners, &packed, error) &&
           access_setting_answer(request, SETTING_ACL, packed, 200, error);
}
