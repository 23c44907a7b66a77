/* tests/fuzz/keys/vault_answer_fuzz.c -- any bytes as an answer of a transit engine: a key with a blob that can be sent
 * back, or a refusal with a code of S3 and a sentence. The first byte chooses the status. */
#include "runtime/base/assert.h"
#include "server/kms/vault_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned statuses[] = {200, 400, 403, 404, 429, 503};
    struct error error = {.message = ""};
    struct kms_key key = {.blob_size = 0};
    if (size == 0)
        return 0;
    unsigned status = statuses[data[0] % (sizeof statuses / sizeof statuses[0])];
    bool taken = vault_answer_take("name", status, span_of(data + 1, size - 1), &key, &error);
    ASSERT(!taken || (status == 200 && vault_is_blob(span_of(key.blob, key.blob_size))));
    ASSERT(taken || (error.code != NULL && error.message[0] != '\0'));
    return 0;
}
