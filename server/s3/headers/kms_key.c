/* server/s3/headers/kms_key.c -- which key of a key service a request means. */
#include "server/s3/headers/kms_key.h"

#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/customer_key.h"
#include "server/kms/kms.h"
#include "server/s3/s3.h"

#include <string.h>

#define PREFIX "x-amz-server-side-encryption-"
#define KEY_ID PREFIX "aws-kms-key-id"
#define CONTEXT PREFIX "context"
#define BUCKET_KEY PREFIX "bucket-key-enabled"

/* ---- what is asked for ---- */

bool kms_key_is_named(struct span name)
{
    return span_equal_ignore_case(name, SPAN(KEY_ID)) || span_equal_ignore_case(name, SPAN(CONTEXT)) ||
           span_equal_ignore_case(name, SPAN(BUCKET_KEY));
}

static bool take_context(struct s3_request *request, struct span header, struct span *ret_context, struct error *error)
{
    size_t size = base64_decoded_bytes(header);
    if (size == 0 || size > KMS_CONTEXT_TEXT_BYTES_MAX)
        return s3_refuse_argument(request, CONTEXT, header, "An encryption context has 1 to 512 bytes, in base64.",
                                  error);
    uint8_t *text = s3_allocate(request, size, error);
    if (text == NULL)
        return false;
    *ret_context = span_of(text, size);
    return (base64_decode(header, text, size) && kms_client_context_is_good(*ret_context)) ||
           s3_refuse_argument(request, CONTEXT, header,
                              "An encryption context is base64 of a JSON object of strings, without aws:s3:arn.",
                              error);
}

static bool take_bucket_key(struct s3_request *request, struct kms_asked *asked, struct error *error)
{
    struct span flag;
    if (!s3_request_header(request, BUCKET_KEY, &flag))
        return true;
    asked->has_bucket_key = span_equal_ignore_case(flag, SPAN("true"));
    return asked->has_bucket_key || span_equal_ignore_case(flag, SPAN("false")) ||
           s3_refuse_argument(request, BUCKET_KEY, flag, "The value is true or false.", error);
}

bool kms_key_take(struct s3_request *request, struct kms_asked *asked, struct error *error)
{
    struct span value;
    if (!take_bucket_key(request, asked, error))
        return false;
    if (s3_request_header(request, KEY_ID, &value)) {
        if (!asked->is_declared)
            return s3_refuse_argument(request, KEY_ID, value,
                                      "Server Side Encryption with AWS KMS managed key requires HTTP header "
                                      "x-amz-server-side-encryption : aws:kms",
                                      error);
        asked->name = value;
    }
    if (!s3_request_header(request, CONTEXT, &value))
        return true;
    return asked->is_meant ? take_context(request, value, &asked->context, error)
                           : s3_refuse_argument(request, CONTEXT, value, "The header goes with aws:kms alone.", error);
}

bool kms_key_check_upload(struct s3_request *request, struct span kms, struct error *error)
{
    struct kms_asked asked = {.is_meant = kms.size > 0, .is_declared = kms.size > 0};
    struct kms_grant grant;
    uint8_t context[KMS_CONTEXT_BYTES];
    if (!kms_key_take(request, &asked, error))
        return false;
    if (asked.name.size == 0 && asked.context.size == 0)
        return true;
    if (!kms_grant_decode(kms, &grant, error))
        return object_seal_refuse_unreadable(error);
    kms_context_hash(request->bucket, asked.context, context);
    bool is_key = asked.name.size == 0 || kms_is_named(request->settings->kms, &grant, asked.name);
    bool is_its = is_key && (asked.context.size == 0 || memcmp(context, grant.context, sizeof context) == 0);
    return is_its || error_set(error, ERROR_INVALID, S3_InvalidRequest,
                               "The multipart upload was not begun with the key or context that is asked for now.");
}

/* ---- keys ---- */

/* In memory of the request, with room for what is kept of it. */
static struct customer_key *allocate_key(struct s3_request *request, uint8_t **ret_kms, struct error *error)
{
    struct customer_key *key = s3_allocate(request, sizeof *key, error);
    *ret_kms = key != NULL ? s3_allocate(request, SEAL_KMS_BYTES_MAX, error) : NULL;
    if (*ret_kms == NULL)
        return NULL;
    key->md5[0] = '\0';
    return key;
}

SUSPENDS bool kms_key_make(struct s3_request *request, const struct kms_asked *asked, struct customer_key **ret_key,
                           struct error *error)
{
    uint8_t *kms;
    struct customer_key *key = allocate_key(request, &kms, error);
    struct kms_context context = {.bucket = request->bucket, .client = asked->context};
    char name[KMS_NAME_BYTES_MAX + 1];
    struct kms_key made;
    struct kms_grant grant;
    if (key == NULL)
        return false;
    kms_context_hash(context.bucket, context.client, context.hash);
    if (!kms_make_key(request->settings->kms, asked->name, &context, &made, name, &grant, error)) {
        explicit_bzero(&made, sizeof made); /* a key, perhaps, that was not the one that is asked for */
        return false;
    }
    grant.has_bucket_key = asked->has_bucket_key;
    bool is_kept = kms_grant_size(&grant) <= SEAL_KMS_BYTES_MAX;
    if (is_kept) {
        memcpy(key->bytes, made.bytes, sizeof key->bytes);
        key->kms = span_of(kms, kms_grant_encode(&grant, kms));
        *ret_key = key;
    }
    explicit_bzero(&made, sizeof made);
    return is_kept ||
           s3_refuse_argument(request, CONTEXT, SPAN_EMPTY,
                              "The encryption context is too long to be kept beside a key of this service.", error);
}

static void forget(struct customer_key **key)
{
    if (*key != NULL)
        explicit_bzero(*key, sizeof **key);
    *key = NULL;
}

SUSPENDS bool kms_key_open(struct s3_request *request, struct span bucket, struct span kms, struct customer_key **key,
                           struct error *error)
{
    struct kms_grant grant;
    if (customer_key_mode(*key) == SEAL_KMS && !span_equal((*key)->kms, kms))
        forget(key);
    if (kms.size == 0 || *key != NULL)
        return true;
    if (!kms_grant_decode(kms, &grant, error))
        return object_seal_refuse_unreadable(error);
    if (grant.is_by_keyring)
        return true;
    uint8_t *kept;
    struct customer_key *opened = allocate_key(request, &kept, error);
    if (opened == NULL)
        return false;
    memcpy(kept, kms.data, kms.size);
    opened->kms = span_of(kept, kms.size);
    if (!kms_open_key(request->settings->kms, &grant, bucket, opened->bytes, error)) {
        forget(&opened);
        return false;
    }
    *key = opened;
    return true;
}

/* ---- answers ---- */

void kms_key_answer(struct s3_request *request, struct span kms)
{
    struct kms_grant grant;
    struct error ignored;
    if (!kms_grant_decode(kms, &grant, &ignored))
        return;
    http_response_field(request->exchange, KEY_ID, kms_grant_told(&grant));
    if (grant.has_bucket_key)
        http_response_field(request->exchange, BUCKET_KEY, SPAN("true"));
}
