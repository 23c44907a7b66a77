/* tests/fuzz/credentials/sts_document_fuzz.c -- any bytes as an answer of STS. */
#include "s3client/credentials/sts_document.h"
#include "tests/fuzz/credentials/check_keys.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct sts_refusal refusal;
    struct keys *keys = keys_create();
    if (sts_document_read(span_of(data, size), keys, &refusal, &error)) {
        check_keys(keys);
        ASSERT(keys->session_token[0] != '\0' && refusal.code[0] == '\0');
    } else {
        check_sentence(error.message, sizeof error.message);
        check_sentence(refusal.code, sizeof refusal.code);
        check_sentence(refusal.message, sizeof refusal.message);
    }
    keys_free(keys);
    return 0;
}
