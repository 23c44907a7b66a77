/* server/s3/headers/encryption.c -- x-amz-server-side-encryption, and whose key it means. */
#include "server/s3/headers/encryption.h"

#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"
#include "server/object/object_upload.h"
#include "server/s3/headers/customer_key.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/s3.h"
#include "server/s3/settings/encryption.h"

#include <string.h>

#define HEADER "x-amz-server-side-encryption"

bool encryption_is_offered(const struct s3_request *request)
{
    return object_codecs_may_seal_parts(request->settings->codecs, request->settings->store);
}

/* ---- what is asked for ---- */

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

static bool may_be_taken(struct span name)
{
    return span_equal_ignore_case(name, SPAN(HEADER)) || customer_key_is_named(&customer_key_of_object, name) ||
           customer_key_is_named(&customer_key_of_source, name);
}

/* A key for a source that there is none of is not ignored, but refused as what is not offered. */
static bool may_be_taken_without_source(struct span name)
{
    return may_be_taken(name) && !customer_key_is_named(&customer_key_of_source, name);
}

static bool refuse_unoffered(struct s3_request *request, struct error *error)
{
    struct span source;
    bool has_source = s3_request_header(request, "x-amz-copy-source", &source);
    return object_headers_refuse_unoffered(request, has_source ? may_be_taken : may_be_taken_without_source, error);
}

/* Once: a copy that looks again has it. */
static bool take_customer_key(struct s3_request *request, struct error *error)
{
    return request->customer_key != NULL ||
           customer_key_take(request, &customer_key_of_object, &request->customer_key, error);
}

/* A bucket may refuse keys that it does not have. */
static bool check_blocked(struct s3_request *request, struct error *error)
{
    const struct bucket_encryption *ours = settings_compiled(request->bucket_settings, SETTING_ENCRYPTION);
    unsigned position = 0;
    struct span name;
    struct span value;
    if (ours == NULL || ours->blocked != ENCRYPTION_BLOCKED_SSE_C)
        return true;
    while (s3_request_next_amz_header(request, &position, &name, &value))
        if (customer_key_is_named(&customer_key_of_object, name))
            return error_set(error, ERROR_DENIED, S3_AccessDenied,
                             "The bucket blocks encryption with customer-provided keys (SSE-C).");
    return true;
}

/* Each that there is: of two that differ, the stronger one may be meant. */
static bool take_asked(struct s3_request *request, enum seal_mode *ret_mode, struct error *error)
{
    unsigned position = 0;
    struct span name;
    struct span method;
    *ret_mode = SEAL_PLAIN;
    if (!encryption_is_offered(request))
        return object_headers_refuse_unoffered(request, NULL, error);
    while (s3_request_next_amz_header(request, &position, &name, &method)) {
        if (!span_equal_ignore_case(name, SPAN(HEADER)))
            continue;
        if (!take_method(request, method, error))
            return false;
        *ret_mode = SEAL_KEYRING;
    }
    if (!refuse_unoffered(request, error) || !take_customer_key(request, error))
        return false;
    if (request->customer_key == NULL)
        return true;
    if (*ret_mode != SEAL_PLAIN)
        return s3_refuse_argument(request, HEADER, SPAN("AES256"),
                                  "Server Side Encryption with Customer provided key is incompatible with the "
                                  "encryption method specified",
                                  error);
    *ret_mode = SEAL_CUSTOMER;
    return true;
}

bool encryption_take(struct s3_request *request, enum seal_mode *ret_mode, struct error *error)
{
    if (!check_blocked(request, error) || !take_asked(request, ret_mode, error))
        return false;
    if (*ret_mode == SEAL_PLAIN && (settings_compiled(request->bucket_settings, SETTING_ENCRYPTION) != NULL ||
                                    object_codecs_seals_all(request->settings->codecs)))
        *ret_mode = SEAL_KEYRING;
    return *ret_mode == SEAL_PLAIN || encryption_is_offered(request) ||
           error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                     "What is put into the bucket is to be encrypted, and the server has no key for it (--keyring).");
}

bool encryption_take_of_read(struct s3_request *request, struct error *error)
{
    struct span method;
    if (!encryption_is_offered(request))
        return object_headers_refuse_unoffered(request, NULL, error);
    if (s3_request_header(request, HEADER, &method))
        return s3_refuse_argument(request, HEADER, method,
                                  "x-amz-server-side-encryption header is not supported for this operation.", error);
    return refuse_unoffered(request, error) && take_customer_key(request, error);
}

bool encryption_take_of_source(struct s3_request *request, struct error *error)
{
    return request->source_key != NULL || !encryption_is_offered(request) ||
           customer_key_take(request, &customer_key_of_source, &request->source_key, error);
}

/* ---- what there is ---- */

bool encryption_prove(struct s3_request *request, const struct object_name *name, const struct customer_key *customer,
                      const struct object_attributes *attributes, struct error *error)
{
    if (attributes->seal.size > 0)
        return object_prove(request->settings->codecs, name, customer, attributes, error);
    if (attributes->is_encrypted)
        return true;
    if (request->settings->refuses_plain)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "The object is not encrypted, and nothing else is read here (--sse require).");
    return customer == NULL || object_seal_refuse_customer(error);
}

/* ---- uploads ---- */

bool encryption_of_upload(struct s3_request *request, const struct upload_info *upload, bool brings_bytes,
                          enum seal_mode *ret_mode, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct upload_secret secret;
    enum seal_mode asked;
    if (!take_asked(request, &asked, error) ||
        !object_upload_open_seal(settings->codecs, settings->store, &name, upload->seal, request->customer_key, &secret,
                                 error))
        return false;
    bool has_key = secret.has_data_key;
    *ret_mode = secret.seal.mode;
    upload_secret_end(&secret);
    if (asked == SEAL_KEYRING && *ret_mode != SEAL_KEYRING)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The multipart upload was not begun with the encryption that is asked for now.");
    return *ret_mode == SEAL_PLAIN || has_key || !brings_bytes || object_upload_refuse_keyless(error);
}

/* ---- answers ---- */

void encryption_answer(struct s3_request *request, enum seal_mode mode)
{
    if (mode == SEAL_KEYRING)
        http_response_field(request->exchange, HEADER, SPAN("AES256"));
    if (mode != SEAL_CUSTOMER || request->customer_key == NULL)
        return;
    http_response_field(request->exchange, HEADER "-customer-algorithm", SPAN("AES256"));
    http_response_field_string(request->exchange, HEADER "-customer-key-MD5", request->customer_key->md5);
}

/* ---- the end ---- */

static void forget_key(struct customer_key **key)
{
    if (*key != NULL)
        explicit_bzero(*key, sizeof **key);
    *key = NULL;
}

void encryption_forget(struct s3_request *request)
{
    forget_key(&request->customer_key);
    forget_key(&request->source_key);
    http_head_wipe(request->head, customer_key_of_object.key);
    http_head_wipe(request->head, customer_key_of_source.key);
}
