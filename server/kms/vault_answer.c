/* server/kms/vault_answer.c -- answers of the transit engine. */
#include "server/kms/vault_answer.h"

#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/answer_document.h"

static bool refuse_answer(struct error *error)
{
    return error_set(error, ERROR_IO, S3_ServiceUnavailable, "it answers what it should not");
}

/* "vault:v1:" and base64. It goes into JSON as it is. */
bool vault_is_blob(struct span blob)
{
    bool is_plain = blob.size > 0 && blob.size <= KMS_BLOB_BYTES_MAX;
    for (size_t i = 0; is_plain && i < blob.size; i++)
        is_plain = blob.data[i] > ' ' && blob.data[i] < 0x7f && blob.data[i] != '"' && blob.data[i] != '\\';
    return is_plain;
}

/* Its first error, word by word: nothing else tells one refusal with the status 400 from another. */
static bool says(const struct json_value *answer, struct span sentence)
{
    const struct json_value *errors = answer != NULL ? json_member(answer, "errors") : NULL;
    const struct json_value *first = errors != NULL && errors->kind == JSON_LIST ? errors->first : NULL;
    return first != NULL && first->kind == JSON_STRING && span_equal(first->text, sentence);
}

/* `answer` NULL: it is no JSON, as that of a proxy. */
static bool explain(const char *name, unsigned status, const struct json_value *answer, struct error *error)
{
    if (status == 403)
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "The key service %s refuses its token.", name);
    if (status == 404 || (status == 400 && says(answer, SPAN("encryption key not found"))))
        return error_set(error, ERROR_NOT_FOUND, S3_KmsNotFoundException, "The key service %s has no such key.", name);
    if (status == 400 && says(answer, SPAN("refusing to use soft-deleted key")))
        return error_set(error, ERROR_DENIED, S3_KmsDisabledException,
                         "The key service %s has deleted the key, until somebody restores it.", name);
    if (status == 429)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The key service %s is asked too often.", name);
    if (status == 400)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The key service %s does not open the key.", name);
    enum error_kind kind = status >= 500 ? ERROR_IO : KEY_REQUEST_TROUBLE_OF_KEY;
    return error_set(error, kind, S3_ServiceUnavailable, "it answers with the status %u", status);
}

static const struct json_value *data_of(const struct json_value *answer)
{
    return answer != NULL ? json_member(answer, "data") : NULL;
}

static bool take_key(const struct json_value *answer, uint8_t ret_key[AES_KEY_BYTES], struct error *error)
{
    struct span plaintext = answer_document_text(data_of(answer), "plaintext");
    return (plaintext.size > 0 && base64_decode(plaintext, ret_key, AES_KEY_BYTES)) || refuse_answer(error);
}

static bool take_blob(const struct json_value *answer, struct kms_key *key, struct error *error)
{
    struct span blob = answer_document_text(data_of(answer), "ciphertext");
    if (!vault_is_blob(blob))
        return refuse_answer(error);
    memcpy(key->blob, blob.data, blob.size);
    key->blob_size = blob.size;
    return true;
}

bool vault_answer_take(const char *name, unsigned status, struct span body, struct kms_key *key, struct error *error)
{
    struct answer_document answer;
    answer_document_open(&answer, body);
    bool taken = status == 200 ? take_key(answer.root, key->bytes, error) &&
                                     (key->blob_size > 0 || take_blob(answer.root, key, error))
                               : explain(name, status, answer.root, error);
    answer_document_close(&answer);
    return taken;
}
