/* server/kms/aws_answer.c -- bodies of GenerateDataKey and Decrypt, and what comes back. */
#include "server/kms/aws_answer.h"

#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/answer_document.h"

#include <string.h>

/* ---- what is sent ---- */

/* The members of a JSON object, as they stand; empty: it has none. */
static bool members_of(struct span object, struct span *ret_members)
{
    while (object.size > 0 && strchr(" \t\r\n", object.data[object.size - 1]) != NULL)
        object = span_take(object, object.size - 1);
    if (object.size < 2 || object.data[0] != '{' || object.data[object.size - 1] != '}')
        return false;
    *ret_members = span_of(object.data + 1, object.size - 2);
    while (ret_members->size > 0 && strchr(" \t\r\n", ret_members->data[0]) != NULL)
        *ret_members = span_skip(*ret_members, 1);
    return true;
}

/* Names of buckets, keys, and base64 go into JSON as they are. */
bool aws_body_write(const struct key_request *request, struct buffer *to, struct error *error)
{
    const struct kms_context *context = request->context;
    struct span client = SPAN_EMPTY;
    if (context->client.size > 0 &&
        (!kms_client_context_is_good(context->client) || !members_of(context->client, &client)))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "What is kept of the encryption context is none.");
    buffer_append_string(to, "{\"KeyId\":\"");
    buffer_append(to, request->key);
    buffer_append_string(to, "\",");
    if (request->blob.size == 0) {
        buffer_append_string(to, "\"KeySpec\":\"AES_256\",");
    } else {
        char blob[BASE64_ENCODED_BYTES(KMS_BLOB_BYTES_MAX)];
        base64_encode(request->blob, blob);
        buffer_append_string(to, "\"CiphertextBlob\":\"");
        buffer_append(to, span_of(blob, BASE64_ENCODED_BYTES(request->blob.size)));
        buffer_append_string(to, "\",");
    }
    buffer_append_string(to, "\"EncryptionContext\":{\"aws:s3:arn\":\"arn:aws:s3:::");
    buffer_append(to, context->bucket);
    buffer_append_string(to, client.size > 0 ? "\"," : "\"");
    buffer_append(to, client);
    buffer_append_string(to, "}}");
    return true;
}

/* ---- refusals ---- */

static bool refuse_answer(struct error *error)
{
    return error_set(error, ERROR_IO, S3_ServiceUnavailable, "it answers what it should not");
}

/* S3's answers to exceptions of KMS. */
static const struct refusal {
    const char *type;
    enum error_kind kind;
    const char *code;
    enum aws_remedy remedy;
    const char *what; /* the service does */
} refusals[] = {
    {"NotFoundException", ERROR_NOT_FOUND, S3_KmsNotFoundException, AWS_NO_REMEDY, "has no such key"},
    {"InvalidArnException", ERROR_NOT_FOUND, S3_KmsNotFoundException, AWS_NO_REMEDY, "has no such key"},
    {"DisabledException", ERROR_DENIED, S3_KmsDisabledException, AWS_NO_REMEDY, "has disabled the key"},
    {"KMSInvalidStateException", ERROR_DENIED, S3_KmsInvalidStateException, AWS_NO_REMEDY,
     "does not use the key: it is to be deleted, or its material is not there"},
    {"InvalidKeyUsageException", ERROR_INVALID, S3_InvalidArgument, AWS_NO_REMEDY,
     "has a key of that name, but none to encrypt with"},
    {"ValidationException", ERROR_INVALID, S3_InvalidArgument, AWS_NO_REMEDY,
     "does not take the name of the key, or the encryption context"},
    {"AccessDeniedException", ERROR_DENIED, S3_AccessDenied, AWS_NO_REMEDY, "does not allow the use of the key"},
    {"InvalidCiphertextException", ERROR_DAMAGED, S3_InternalError, AWS_NO_REMEDY, "does not open the key"},
    {"IncorrectKeyException", ERROR_DAMAGED, S3_InternalError, AWS_NO_REMEDY, "does not open the key"},
    {"KeyUnavailableException", KEY_REQUEST_TROUBLE_OF_KEY, S3_ServiceUnavailable, AWS_ASK_AGAIN,
     "has the key, but not at hand"},
    {"ThrottlingException", ERROR_BUSY, S3_SlowDown, AWS_NO_REMEDY, "is asked too often"},
    {"LimitExceededException", ERROR_BUSY, S3_SlowDown, AWS_NO_REMEDY, "is asked too often"},
    {"ExpiredTokenException", ERROR_DENIED, S3_AccessDenied, AWS_NEW_CREDENTIALS, "refuses its credentials"},
    {"UnrecognizedClientException", ERROR_DENIED, S3_AccessDenied, AWS_NEW_CREDENTIALS, "refuses its credentials"},
    {"InvalidClientTokenId", ERROR_DENIED, S3_AccessDenied, AWS_NEW_CREDENTIALS, "refuses its credentials"},
    {"InvalidSignatureException", ERROR_DENIED, S3_AccessDenied, AWS_NEW_CREDENTIALS, "refuses its credentials"},
    {"IncompleteSignatureException", ERROR_DENIED, S3_AccessDenied, AWS_NO_REMEDY, "refuses its credentials"},
    {"MissingAuthenticationTokenException", ERROR_DENIED, S3_AccessDenied, AWS_NO_REMEDY, "refuses its credentials"},
};

/* "com.amazonaws.kms#NotFoundException", and older servers without what stands before. */
static struct span exception_of(const struct json_value *answer)
{
    struct span type = answer_document_text(answer, "__type");
    const uint8_t *mark = type.size > 0 ? memchr(type.data, '#', type.size) : NULL;
    return mark != NULL ? span_skip(type, (size_t)(mark + 1 - type.data)) : type;
}

static bool explain(const char *name, unsigned status, const struct json_value *answer, enum aws_remedy *ret_remedy,
                    struct error *error)
{
    struct span type = exception_of(answer);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *refusal = &refusals[i];
        if (!span_equal(type, span_from_string(refusal->type)))
            continue;
        *ret_remedy = refusal->remedy;
        return error_set(error, refusal->kind, refusal->code, "The key service %s %s.", name, refusal->what);
    }
    if (status == 429)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The key service %s is asked too often.", name);
    *ret_remedy = status >= 500 ? AWS_ASK_AGAIN : AWS_NO_REMEDY;
    enum error_kind kind = status >= 500 ? ERROR_IO : KEY_REQUEST_TROUBLE_OF_KEY;
    return error_set(error, kind, S3_ServiceUnavailable, "it answers with the status %u", status);
}

/* ---- keys ---- */

static bool take_plaintext(const struct json_value *answer, struct kms_key *key, struct error *error)
{
    struct span plaintext = answer_document_text(answer, "Plaintext");
    return (plaintext.size > 0 && base64_decode(plaintext, key->bytes, AES_KEY_BYTES)) || refuse_answer(error);
}

static bool take_blob(const struct json_value *answer, struct kms_key *key, struct error *error)
{
    struct span text = answer_document_text(answer, "CiphertextBlob");
    key->blob_size = base64_decoded_bytes(text);
    if (key->blob_size > KMS_BLOB_BYTES_MAX)
        return error_set(error, KEY_REQUEST_TROUBLE_OF_KEY, S3_ServiceUnavailable,
                         "it wraps a key in more than %d bytes", KMS_BLOB_BYTES_MAX);
    return (key->blob_size > 0 && base64_decode(text, key->blob, key->blob_size)) || refuse_answer(error);
}

static bool take_id(const struct json_value *answer, struct kms_key *key, struct error *error)
{
    struct span id = answer_document_text(answer, "KeyId");
    if (!kms_key_id_is_good(id))
        return refuse_answer(error);
    memcpy(key->id, id.data, id.size);
    key->id[id.size] = '\0';
    return true;
}

bool aws_answer_take(const char *name, unsigned status, struct span body, bool opens, struct kms_key *key,
                     enum aws_remedy *ret_remedy, struct error *error)
{
    struct answer_document answer;
    *ret_remedy = AWS_NO_REMEDY;
    answer_document_open(&answer, body);
    bool taken = status == 200 ? take_plaintext(answer.root, key, error) &&
                                     (opens || (take_blob(answer.root, key, error) && take_id(answer.root, key, error)))
                               : explain(name, status, answer.root, ret_remedy, error);
    answer_document_close(&answer);
    return taken;
}
