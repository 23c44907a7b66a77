/* server/kms/vault_answer.c -- answers of the transit engine. */
#include "server/kms/vault_answer.h"

#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"
#include "server/access/policy/json.h"

enum { NODES_BYTES_MAX = 64 << 10, TEXTS_BYTES_MAX = 64 << 10 };

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

static bool is_not_found(const struct json_value *answer)
{
    const struct json_value *errors = answer != NULL ? json_member(answer, "errors") : NULL;
    const struct json_value *first = errors != NULL && errors->kind == JSON_LIST ? errors->first : NULL;
    return first != NULL && first->kind == JSON_STRING && span_equal(first->text, SPAN("encryption key not found"));
}

/* `answer` NULL: it is no JSON, as that of a proxy. */
static bool explain(const char *name, unsigned status, const struct json_value *answer, struct error *error)
{
    if (status == 403)
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "The key service %s refuses its token.", name);
    if (status == 404 || (status == 400 && is_not_found(answer)))
        return error_set(error, ERROR_NOT_FOUND, S3_KmsNotFoundException, "The key service %s has no such key.", name);
    if (status == 429)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The key service %s is asked too often.", name);
    if (status == 400)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "The key service %s does not open the key.", name);
    return error_set(error, ERROR_IO, S3_ServiceUnavailable, "it answers with the status %u", status);
}

/* A text of "data"; NULL: it is not there. */
static const struct json_value *text_of(const struct json_value *answer, const char *name)
{
    const struct json_value *data = answer != NULL ? json_member(answer, "data") : NULL;
    const struct json_value *value = data != NULL && data->kind == JSON_OBJECT ? json_member(data, name) : NULL;
    return value != NULL && value->kind == JSON_STRING ? value : NULL;
}

static bool take_key(const struct json_value *answer, uint8_t ret_key[AES_KEY_BYTES], struct error *error)
{
    const struct json_value *plaintext = text_of(answer, "plaintext");
    return (plaintext != NULL && base64_decode(plaintext->text, ret_key, AES_KEY_BYTES)) || refuse_answer(error);
}

static bool take_blob(const struct json_value *answer, struct kms_key *key, struct error *error)
{
    const struct json_value *ciphertext = text_of(answer, "ciphertext");
    struct span blob = ciphertext != NULL ? ciphertext->text : SPAN_EMPTY;
    if (!vault_is_blob(blob))
        return refuse_answer(error);
    memcpy(key->blob, blob.data, blob.size);
    key->blob_size = blob.size;
    return true;
}

bool vault_answer_take(const char *name, unsigned status, struct span body, struct kms_key *key, struct error *error)
{
    struct arena nodes;
    struct arena texts;
    struct error ignored;
    const struct json_value *answer = NULL;
    arena_init(&nodes, NODES_BYTES_MAX);
    arena_init(&texts, TEXTS_BYTES_MAX); /* keys have no escapes, and so none is copied there */
    if (!json_parse(body, &nodes, &texts, &answer, &ignored))
        answer = NULL;
    bool taken = status == 200
                     ? take_key(answer, key->bytes, error) && (key->blob_size > 0 || take_blob(answer, key, error))
                     : explain(name, status, answer, error);
    arena_free(&nodes);
    arena_free(&texts);
    return taken;
}
