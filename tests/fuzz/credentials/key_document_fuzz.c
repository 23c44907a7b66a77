/* tests/fuzz/credentials/key_document_fuzz.c -- any bytes as the JSON of each kind of provider; the first says which.
 */
#include "s3client/credentials/key_document.h"
#include "tests/fuzz/credentials/check_keys.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char refusal[100];
    struct error error = {0};
    struct keys *keys = keys_create();
    if (size > 0) {
        struct span json = span_of(data + 1, size - 1);
        if (key_document_read(json, (enum key_document_kind)(data[0] % 3), keys, &error))
            check_keys(keys);
        else
            check_sentence(error.message, sizeof error.message);
        key_document_describe_refusal(json, refusal, sizeof refusal);
        check_sentence(refusal, sizeof refusal);
    }
    keys_free(keys);
    return 0;
}
