/* tests/fuzz/remote/verdicts_fuzz.c -- any text as the verdicts on a backend. */
#include "runtime/base/assert.h"
#include "store/bucket.h"
#include "store/remote/verdicts/verdicts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct verdicts verdicts;
    struct bucket_capabilities capabilities;
    struct buffer text = {0};
    struct verdicts again;
    if (!verdicts_decode(span_of(data, size), &verdicts))
        return 0;
    verdicts_apply(&verdicts, 1, &capabilities);
    verdicts_encode(&verdicts, &text);
    ASSERT(verdicts_decode(buffer_span(&text), &again) && again.held == verdicts.held);
    buffer_free(&text);
    return 0;
}
