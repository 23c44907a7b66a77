/* server/s3/headers/encryption.c -- x-amz-server-side-encryption. */
#include "server/s3/headers/encryption.h"

#include "s3client/wire/s3_error.h"
#include "server/object/object_upload.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/s3.h"

#define HEADER "x-amz-server-side-encryption"

static bool is_offered(const struct s3_request *request)
{
    return object_codecs_may_seal(request->settings->codecs, request->settings->store);
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

/* Each that there is: of two that differ, the stronger one may be meant. */
bool encryption_take(struct s3_request *request, bool *ret_is_sealed, struct error *error)
{
    unsigned position = 0;
    struct span name;
    struct span method;
    *ret_is_sealed = false;
    if (!is_offered(request))
        return object_headers_refuse_unoffered(request, SPAN_EMPTY, error);
    while (s3_request_next_amz_header(request, &position, &name, &method)) {
        if (!span_equal_ignore_case(name, SPAN(HEADER)))
            continue;
        if (!take_method(request, method, error))
            return false;
        *ret_is_sealed = true;
    }
    return object_headers_refuse_unoffered(request, SPAN(HEADER), error);
}

bool encryption_take_upload(struct s3_request *request, bool *ret_is_sealed, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    return encryption_take(request, ret_is_sealed, error) &&
           (!*ret_is_sealed || object_codecs_may_seal_parts(settings->codecs, settings->store) ||
            s3_refuse_header(request, HEADER, error));
}

bool encryption_of_upload(struct s3_request *request, const struct upload_info *upload, bool *ret_is_sealed,
                          struct error *error)
{
    const struct s3_settings *settings = request->settings;
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct upload_secret secret;
    bool is_asked;
    if (!encryption_take_upload(request, &is_asked, error) ||
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
    if (is_offered(request) && s3_request_header(request, HEADER, &method))
        return s3_refuse_argument(request, HEADER, method,
                                  "x-amz-server-side-encryption header is not supported for this operation.", error);
    return object_headers_refuse_unoffered(request, SPAN_EMPTY, error);
}

bool encryption_prove(struct s3_request *request, const struct object_name *name,
                      const struct object_attributes *attributes, struct error *error)
{
    return attributes->seal.size == 0 || object_prove(request->settings->codecs, name, attributes, error);
}

void encryption_answer(struct s3_request *request, bool is_sealed)
{
    if (is_sealed)
        http_response_field(request->exchange, HEADER, SPAN("AES256"));
}
