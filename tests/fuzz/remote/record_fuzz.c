/* tests/fuzz/remote/record_fuzz.c -- any bytes as a record of an upload. A right checksum is put in, so that what lies
 * behind it is reached. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/remote/uploads/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    struct upload_record record;
    struct upload_end end;
    struct buffer again = {0};
    ASSERT(bytes != NULL);
    memcpy(bytes, data, size);
    if (size >= 12)
        store_u32_le(bytes + 8, crc32c_update(0, span_of(bytes + 12, size - 12)));
    if (upload_record_decode(span_of(bytes, size), &record)) {
        upload_record_encode(&record, &again);
        ASSERT(again.size <= RECORD_BYTES_MAX);
    }
    buffer_clear(&again);
    if (upload_end_decode(span_of(bytes, size), &end))
        upload_end_encode(&end, &again);
    buffer_free(&again);
    free(bytes);
    return 0;
}
