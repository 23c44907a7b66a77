/* tests/fuzz/remote/stamp_fuzz.c -- any text as `s4-bale`: what is accepted, written anew, reads the same. */
#include "runtime/base/assert.h"
#include "store/remote/format/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct object_stamp stamp;
    struct object_stamp again;
    struct buffer text = {0};
    if (!stamp_decode(span_of(data, size), &stamp))
        return 0;
    stamp_encode(&stamp, &text);
    ASSERT(text.size <= STAMP_TEXT_BYTES_MAX);
    ASSERT(stamp_decode(buffer_span(&text), &again));
    ASSERT(memcmp(again.nonce, stamp.nonce, STAMP_NONCE_BYTES) == 0 && again.trailer == stamp.trailer);
    ASSERT(again.is_counted == stamp.is_counted && again.is_metadata_in_trailer == stamp.is_metadata_in_trailer);
    ASSERT(again.checksum.algorithm == stamp.checksum.algorithm && again.kept_ms == stamp.kept_ms);
    ASSERT(stamp.kept_ms == 0 ||
           (strcmp(again.storage_class, stamp.storage_class) == 0 && again.made_of_count == stamp.made_of_count));
    buffer_free(&text);
    return 0;
}
