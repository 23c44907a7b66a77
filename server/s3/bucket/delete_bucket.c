/* server/s3/bucket/delete_bucket.c -- DELETE /bucket: 204, when nothing is in it but dictionaries. */
#include "server/dictionaries/bucket_end.h"
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_delete_bucket(struct s3_request *request, struct error *error)
{
    if (!dictionaries_end_with_bucket(request->settings->store, request->bucket, error))
        return false;
    settings_forget(request->settings->bucket_settings, request->bucket_info.creation_id);
    s3_answer_begin(request, 204);
    return s3_answer_empty(request, error);
}
