/* tests/fuzz/keys/aws_answer_fuzz.c -- any bytes as an answer of AWS KMS: a key whose blob and id can be kept and sent
 * back, or a refusal with a code of S3 and a sentence. The first byte chooses the status, and what was asked. */
#include "runtime/base/assert.h"
#include "server/kms/aws_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned statuses[] = {200, 400, 429, 500};
    struct error error = {.message = ""};
    struct kms_key key = {.blob_size = 0};
    enum aws_remedy remedy;
    if (size == 0)
        return 0;
    unsigned status = statuses[data[0] % 4];
    bool opens = (data[0] & 4) != 0;
    bool taken = aws_answer_take("name", status, span_of(data + 1, size - 1), opens, &key, &remedy, &error);
    ASSERT(!taken || status == 200);
    ASSERT(
        !taken || opens ||
        (key.blob_size > 0 && key.blob_size <= KMS_BLOB_BYTES_MAX && key.id[0] > ' ' && strchr(key.id, '"') == NULL));
    ASSERT(taken || (error.code != NULL && error.message[0] != '\0'));
    return 0;
}
