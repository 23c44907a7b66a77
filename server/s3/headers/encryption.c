/* server/s3/headers/encryption.c -- x-amz-server-side-encryption. */
#include "server/s3/headers/encryption.h"

#include "s3client/wire/s3_error.h"
#include "server/object/object_upload.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/s3.h"
#include "server/s3/settings/encryption.h"

#define HEADER "x-amz-server-side-encryption"

bool encryption_is_offered(const struct s3_request *request)
{
    return object_codecs_may_seal_parts(request->settings->codecs, request->settings->store);
}

static bool is_kms(struct span method)
{
    return span_equal(method, SPAN("aws:kms")) || span_equal(method, SPAN("aws:kms:dsse"));
}

static bool take_method(struct s3_request *request, struct span method, struct error *error)
{
    struct span key_id;
    if (is_kms(method))
        return s3_refuse_header(request, HEADER, error);
    if (!span_equal(method, SPAN("AES256")))
        return s3_refuse_argument(request, HEADER, method, "The encryption method specified is not supported", error);
    return !s3_request_header(request, HEADER "-aws-kms-key-id", &key_id) ||
           s3_refuse_argument(request, HEADER "-aws-kms-key-id", key_id,
                              "x-amz-server-side-encryption-aws-kms-key-id goes with aws:kms alone", error);
}

/* A bucket may refuse keys that it does not have. */
static bool check_blocked(struct s3_request *request, struct error *error)
{
    static const char customer[] = HEADER "-customer-";
    const struct bucket_encryption *ours = settings_compiled(request->bucket_settings, SETTING_ENCRYPTION);
    unsigned position = 0;
    struct span name;
    struct span value;
    if (ours == NULL || ours->blocked != ENCRYPTION_BLOCKED_SSE_C)
        return true;
    while (s3_request_next_amz_header(request, &position, &name, &value))
        if (span_equal_ignore_case(span_take(name, sizeof customer - 1), SPAN(customer)))
            return error_set(error, ERROR_DENIED, S3_AccessDenied,
                             "The bucket blocks encryption with customer-provided keys (SSE-C).");
    return true;
}

/* Each that there is: of two that differ, the stronger one may be meant. */
static bool take_asked(struct s3_request *request, bool *ret_is_asked, struct error *error)
{
    unsigned position = 0;
    struct span name;
    struct span method;
    *ret_is_asked = false;
    if (!encryption_is_offered(request))
        return object_headers_refuse_unoffered(request, SPAN_EMPTY, error);
    while (s3_request_next_amz_header(request, &position, &name, &method)) {
        if (!span_equal_ignore_case(name, SPAN(HEADER)))
            continue;
        if (!take_method(request, method, error))
            return false;
        *ret_is_asked = true;
    }
    return object_headers_refuse_unoffered(request, SPAN(HEADER), error);
}

bool encryption_take(struct s3_request *request, bool *ret_is_sealed, struct error *error)
{
    if (!check_blocked(request, error) || !take_asked(request, ret_is_sealed, error))
        return false;
    *ret_is_sealed = *ret_is_sealed || settings_compiled(request->bucket_settings, SETTING_ENCRYPTION) != NULL ||
                     object_codecs_seals_all(request->settings->codecs);
    return !*ret_is_sealed || encryption_is_offered(request) ||
           error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                     "What is put into the bucket is to be encrypted, and the server has no key for it (--keyring).");
}

bool encryption_of_upload(struct s3_request *request, const struct upload_info *upload, bool *ret_is_sealed,
                          struct error *error)
{
    const struct s3_settings *settings = request->settings;
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct upload_secret secret;
    bool is_asked;
    if (!take_asked(request, &is_asked, error) ||
        !object_upload_open_seal(settings->codecs, settings->store, &name, upload->seal, &secret, error))
        return false;
    *ret_is_sealed = secret.is_encrypted;
    upload_secret_end(&secret);
    return !is_asked || *ret_is_sealed ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The multipart upload was not begun with encryption, which is asked for now.");
}

bool encryption_refuse_of_read(struct s3_request *request, struct error *error)
{
    struct span method;
    if (encryption_is_offered(request) && s3_request_header(request, HEADER, &method))
        return s3_refuse_argument(request, HEADER, method,
                                  "x-amz-server-side-encryption header is not supported for this operation.", error);
    return object_headers_refuse_unoffered(request, SPAN_EMPTY, error);
}

bool encryption_prove(struct s3_request *request, const struct object_name *name,
                      const struct object_attributes *attributes, struct error *error)
{
    if (attributes->seal.size > 0)
        return object_prove(request->settings->codecs, name, attributes, error);
    return attributes->is_encrypted || !request->settings->refuses_plain ||
           error_set(error, ERROR_DENIED, S3_AccessDenied,
                     "The object is not encrypted, and nothing else is read here (--sse require).");
}

void encryption_answer(struct s3_request *request, bool is_sealed)
{
    if (is_sealed)
        http_response_field(request->exchange, HEADER, SPAN("AES256"));
}
