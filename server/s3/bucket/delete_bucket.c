/* server/s3/bucket/delete_bucket.c -- DELETE /bucket: 204, when nothing is in it. */
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_delete_bucket(struct s3_request *request, struct error *error)
{
    if (!bucket_delete(request->settings->store, request->bucket, error))
        return false;
    settings_forget(request->settings->bucket_settings, request->bucket_info.creation_id);
    s3_answer_begin(request, 204);
    return s3_answer_empty(request, error);
}
