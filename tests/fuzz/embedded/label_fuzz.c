/* tests/fuzz/embedded/label_fuzz.c -- any bytes as a label in a volume. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/label.h"

#include <stdlib.h>

enum { CHECKSUM_AT = 8, COVERED_AT = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t uuid[STORE_UUID_BYTES] = "0123456789abcde";
    if (size < 8 || size > (1 << 16))
        return 0;
    uint64_t at = load_u32_le(data); /* where it lies, so that the place can be right */
    uint32_t volume = load_u32_le(data + 4);
    size -= 8;
    uint8_t *bytes = malloc(size + 1);
    memcpy(bytes, data + 8, size);
    size_t stated = size >= 16 ? load_u32_le(bytes + COVERED_AT) : 0;
    if (stated > COVERED_AT && stated <= size)
        store_u32_le(bytes + CHECKSUM_AT, crc32c_update(0, span_of(bytes + COVERED_AT, stated - COVERED_AT)));
    struct label label;
    size_t needed;
    if (label_decode(span_of(bytes, size), uuid, volume, at, &label, &needed)) {
        struct buffer again;
        buffer_init(&again, 0);
        label_encode(&label, uuid, volume, at, &again);
        ASSERT(label_bytes(&label) == needed && again.size == needed);
        buffer_free(&again);
    }
    free(bytes);
    return 0;
}
