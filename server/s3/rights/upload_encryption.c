/* server/s3/rights/upload_encryption.c -- looks at an upload, or at what it has become. */
#include "server/s3/rights/upload_encryption.h"

#include "server/object/object_upload.h"
#include "server/s3/s3.h"

#include <string.h>

static const struct object_encryption plain = {.mode = SEAL_PLAIN};

static bool is_for_upload(enum s3_operation operation)
{
    return operation == S3_UploadPart || operation == S3_UploadPartCopy || operation == S3_CompleteMultipartUpload;
}

SUSPENDS struct object_encryption upload_encryption_find(struct s3_request *request)
{
    const struct s3_settings *settings = request->settings;
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct span id;
    struct upload_info upload;
    struct upload_secret secret;
    struct object_attributes completed;
    struct error ignored;
    if (!is_for_upload(request->outcome.operation) || !s3_request_parameter(request, "uploadId", &id))
        return plain;
    if (!bucket_find_upload(settings->store, &name, id, request->arena, &upload, &ignored))
        return bucket_find_completed(settings->store, &name, id, &completed, &ignored)
                   ? upload_encryption_of_completed(request, &completed)
                   : plain;
    if (!object_upload_open_seal(settings->codecs, settings->store, &name, upload.seal, NULL, &secret, &ignored))
        return plain;
    struct object_encryption encryption = {.mode = secret.seal.mode, .kms = secret.seal.kms};
    upload_secret_end(&secret);
    return encryption;
}

SUSPENDS struct object_encryption upload_encryption_of_completed(struct s3_request *request,
                                                                 const struct object_attributes *completed)
{
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct object_attributes there;
    struct error ignored;
    bool is_there = bucket_head(request->settings->store, &name, request->arena, &there, &ignored) &&
                    strcmp(there.etag, completed->etag) == 0;
    return is_there ? object_seal_encryption(&there) : plain;
}
