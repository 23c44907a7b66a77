/* tests/fuzz/codec/gdeflate_fuzz.c -- any bytes as a chunk of GDeflate. First two bytes: its original size, less one.
 */
#include "codec/foreign/gdeflate.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(struct gdeflate *gdeflate, struct span chunk, uint8_t *ret_original, size_t original_size)
{
    struct error error;
    enum codec_step step;
    gdeflate_begin(gdeflate, chunk, ret_original, original_size);
    do
        step = gdeflate_step(gdeflate, &error);
    while (step == CODEC_MORE);
    return step == CODEC_DONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gdeflate *gdeflate;
    if (size < 2)
        return 0;
    if (gdeflate == NULL)
        gdeflate = gdeflate_create();
    size_t original_size = (size_t)load_u16_le(data) + 1;
    uint8_t *original = malloc(original_size); /* exactly: a sanitizer sees every byte beyond */
    uint8_t *again = malloc(original_size);
    struct span chunk = span_of(data + 2, size - 2);
    bool works = decode(gdeflate, chunk, original, original_size);
    /* what it was used for before leaves no trace */
    ASSERT(decode(gdeflate, chunk, again, original_size) == works);
    ASSERT(!works || memcmp(original, again, original_size) == 0);
    free(original);
    free(again);
    return 0;
}
