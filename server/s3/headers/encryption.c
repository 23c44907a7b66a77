/* server/s3/headers/encryption.c -- x-amz-server-side-encryption, and whose key it means. */
#include "server/s3/headers/encryption.h"

#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"
#include "server/object/object_upload.h"
#include "server/s3/headers/customer_key.h"
#include "server/s3/headers/kms_key.h"
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

struct asked {
    enum seal_mode mode;
    struct kms_asked kms; /* of SEAL_KMS */
};

/* Two that differ are not for us to choose from. */
static bool take_method(struct s3_request *request, struct span method, struct asked *asked, struct error *error)
{
    if (span_equal(method, SPAN("aws:kms:dsse")))
        return s3_refuse_header(request, HEADER, error);
    bool is_kms = span_equal(method, SPAN("aws:kms"));
    enum seal_mode mode = is_kms ? SEAL_KMS : SEAL_KEYRING;
    if ((!is_kms && !span_equal(method, SPAN("AES256"))) || (asked->mode != SEAL_PLAIN && asked->mode != mode))
        return s3_refuse_argument(request, HEADER, method, "The encryption method specified is not supported", error);
    asked->mode = mode;
    return true;
}

static bool may_be_taken_of_read(struct span name)
{
    return span_equal_ignore_case(name, SPAN(HEADER)) || customer_key_is_named(&customer_key_of_object, name);
}

static bool may_be_taken_of_write(struct span name)
{
    return may_be_taken_of_read(name) || kms_key_is_named(name);
}

static bool may_be_taken_of_copy(struct span name)
{
    return may_be_taken_of_write(name) || customer_key_is_named(&customer_key_of_source, name);
}

/* A key for a source that there is none of is not ignored, but refused as what is not offered. */
static bool refuse_unoffered(struct s3_request *request, struct error *error)
{
    struct span source;
    bool has_source = s3_request_header(request, "x-amz-copy-source", &source);
    return object_headers_refuse_unoffered(request, has_source ? may_be_taken_of_copy : may_be_taken_of_write, error);
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

static bool take_asked(struct s3_request *request, struct asked *ret_asked, struct error *error)
{
    unsigned position = 0;
    struct span name;
    struct span method;
    *ret_asked = (struct asked){.mode = SEAL_PLAIN};
    if (!encryption_is_offered(request))
        return object_headers_refuse_unoffered(request, NULL, error);
    while (s3_request_next_amz_header(request, &position, &name, &method)) {
        if (span_equal_ignore_case(name, SPAN(HEADER)) && !take_method(request, method, ret_asked, error))
            return false;
    }
    if (!refuse_unoffered(request, error) || !take_customer_key(request, error))
        return false;
    if (customer_key_mode(request->customer_key) != SEAL_CUSTOMER)
        return true;
    if (ret_asked->mode != SEAL_PLAIN)
        return s3_refuse_argument(request, HEADER, ret_asked->mode == SEAL_KMS ? SPAN("aws:kms") : SPAN("AES256"),
                                  "Server Side Encryption with Customer provided key is incompatible with the "
                                  "encryption method specified",
                                  error);
    ret_asked->mode = SEAL_CUSTOMER;
    return true;
}

/* What a request leaves to its bucket: how what asks for nothing is encrypted, and whether bucket keys are enabled. */
static void take_default(const struct s3_request *request, struct asked *asked)
{
    const struct bucket_encryption *ours = settings_compiled(request->bucket_settings, SETTING_ENCRYPTION);
    asked->kms.has_bucket_key = ours != NULL && ours->bucket_key;
    if (asked->mode != SEAL_PLAIN)
        return;
    if (ours != NULL && ours->is_kms) {
        asked->mode = SEAL_KMS;
        asked->kms.name = span_from_string(ours->key_id);
    } else if (ours != NULL || object_codecs_seals_all(request->settings->codecs)) {
        asked->mode = SEAL_KEYRING;
    }
}

static bool refuse_keyless(struct error *error)
{
    return error_set(error, ERROR_UNSUPPORTED, S3_InternalError,
                     "What is put into the bucket is to be encrypted, and the server has no key for it (--keyring).");
}

SUSPENDS bool encryption_take(struct s3_request *request, struct object_encryption *ret_encryption, struct error *error)
{
    struct asked asked;
    if (!check_blocked(request, error) || !take_asked(request, &asked, error))
        return false;
    asked.kms.is_declared = asked.mode == SEAL_KMS;
    take_default(request, &asked);
    asked.kms.is_meant = asked.mode == SEAL_KMS;
    if (asked.mode != SEAL_PLAIN && !encryption_is_offered(request))
        return refuse_keyless(error);
    if (!kms_key_take(request, &asked.kms, error))
        return false;
    if (asked.mode == SEAL_KMS && request->customer_key == NULL &&
        !kms_key_make(request, &asked.kms, &request->customer_key, error))
        return false;
    *ret_encryption = (struct object_encryption){.mode = asked.mode};
    if (asked.mode == SEAL_KMS)
        ret_encryption->kms = request->customer_key->kms;
    return true;
}

bool encryption_take_of_read(struct s3_request *request, struct error *error)
{
    struct span method;
    if (!encryption_is_offered(request))
        return object_headers_refuse_unoffered(request, NULL, error);
    if (s3_request_header(request, HEADER, &method))
        return s3_refuse_argument(request, HEADER, method,
                                  "x-amz-server-side-encryption header is not supported for this operation.", error);
    return object_headers_refuse_unoffered(request, may_be_taken_of_read, error) && take_customer_key(request, error);
}

bool encryption_take_of_source(struct s3_request *request, struct error *error)
{
    return request->source_key != NULL || !encryption_is_offered(request) ||
           customer_key_take(request, &customer_key_of_source, &request->source_key, error);
}

/* ---- what there is ---- */

bool encryption_prove(struct s3_request *request, const struct object_name *name, const struct customer_key *customer,
                      const struct object_attributes *attributes, struct object_secret *ret_secret, struct error *error)
{
    if (customer_key_mode(customer) == SEAL_KMS)
        customer = NULL; /* of what was found before, perhaps: encryption_open sees to it */
    if (attributes->seal.size > 0)
        return object_prove(request->settings->codecs, name, customer, attributes, ret_secret, error);
    if (attributes->is_encrypted)
        return true;
    if (request->settings->refuses_plain)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "The object is not encrypted, and nothing else is read here (--sse require).");
    return customer == NULL || object_seal_refuse_customer(error);
}

SUSPENDS bool encryption_open(struct s3_request *request, const struct object_name *name,
                              const struct object_attributes *attributes, struct customer_key **key,
                              struct error *error)
{
    return kms_key_open(request, name->bucket, object_seal_encryption(attributes).kms, key, error);
}

/* ---- uploads ---- */

SUSPENDS bool encryption_of_upload(struct s3_request *request, const struct upload_info *upload, bool brings_bytes,
                                   struct object_encryption *ret_encryption, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    const struct object_name name = {.bucket = request->bucket, .key = request->key};
    struct upload_secret secret;
    struct asked asked;
    if (!take_asked(request, &asked, error) ||
        !object_upload_open_seal(settings->codecs, settings->store, &name, upload->seal, request->customer_key, &secret,
                                 error))
        return false;
    bool has_key = secret.has_data_key;
    enum seal_mode mode = secret.seal.mode;
    *ret_encryption = (struct object_encryption){.mode = mode, .kms = secret.seal.kms};
    upload_secret_end(&secret);
    if ((asked.mode == SEAL_KEYRING || asked.mode == SEAL_KMS) && asked.mode != mode)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The multipart upload was not begun with the encryption that is asked for now.");
    if (!kms_key_check_upload(request, ret_encryption->kms, error))
        return false;
    if (mode == SEAL_KMS)
        return !brings_bytes ||
               kms_key_open(request, request->bucket, ret_encryption->kms, &request->customer_key, error);
    return mode == SEAL_PLAIN || has_key || !brings_bytes || object_upload_refuse_keyless(error);
}

/* ---- answers ---- */

void encryption_answer(struct s3_request *request, const struct object_encryption *encryption)
{
    if (encryption->mode == SEAL_KEYRING)
        http_response_field(request->exchange, HEADER, SPAN("AES256"));
    if (encryption->mode == SEAL_KMS) {
        http_response_field(request->exchange, HEADER, SPAN("aws:kms"));
        kms_key_answer(request, encryption->kms);
    }
    if (encryption->mode != SEAL_CUSTOMER || request->customer_key == NULL)
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
