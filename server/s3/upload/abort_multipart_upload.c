/* server/s3/upload/abort_multipart_upload.c -- DELETE /bucket/key?uploadId=ID: the upload and its parts are gone. */
#include "server/s3/operations.h"
#include "server/s3/upload/upload_request.h"

SUSPENDS bool s3_abort_multipart_upload(struct s3_request *request, struct error *error)
{
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct upload_info upload;
    if (!upload_request_find(request, &upload, error) ||
        !bucket_abort_upload(request->settings->store, &name, upload_request_id(request), error))
        return false;
    s3_answer_begin(request, 204);
    return s3_answer_empty(request, error);
}
