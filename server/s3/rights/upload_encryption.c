/* server/s3/rights/upload_encryption.c -- looks at an upload, or at what it has become. */
#include "server/s3/rights/upload_encryption.h"

#include "server/object/object_upload.h"
#include "server/s3/s3.h"

#include <string.h>

static bool is_for_upload(enum s3_operation operation)
{
    return operation == S3_UploadPart || operation == S3_UploadPartCopy || operation == S3_CompleteMultipartUpload;
}

SUSPENDS bool upload_encryption_find(struct s3_request *request)
{
    const struct s3_settings *settings = request->settings;
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct span id;
    struct upload_info upload;
    struct upload_secret secret;
    struct object_attributes completed;
    struct error ignored;
    if (!is_for_upload(request->outcome.operation) || !s3_request_parameter(request, "uploadId", &id))
        return false;
    if (!bucket_find_upload(settings->store, &name, id, request->arena, &upload, &ignored))
        return bucket_find_completed(settings->store, &name, id, &completed, &ignored) &&
               upload_encryption_of_completed(request, &completed);
    bool is_opened = object_upload_open_seal(settings->codecs, settings->store, &name, upload.seal, &secret, &ignored);
    bool is_sealed = is_opened && secret.is_encrypted;
    upload_secret_end(&secret);
    return is_sealed;
}

SUSPENDS bool upload_encryption_of_completed(struct s3_request *request, const struct object_attributes *completed)
{
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct object_attributes there;
    struct error ignored;
    return bucket_head(request->settings->store, &name, request->arena, &there, &ignored) && there.seal.size > 0 &&
           strcmp(there.etag, completed->etag) == 0;
}
