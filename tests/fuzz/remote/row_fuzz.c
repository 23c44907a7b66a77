/* tests/fuzz/remote/row_fuzz.c -- any bytes as a row: what is accepted is within its bounds, and is written as it was.
 */
#include "runtime/base/assert.h"
#include "store/remote/rows/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row row;
    struct row again;
    uint8_t bytes[ROW_BYTES_MAX];
    if (!row_decode(span_of(data, size), &row))
        return 0;
    ASSERT(strlen(row.attributes.stored_etag) < STORED_ETAG_TEXT_BYTES);
    size_t encoded = row_encode(&row, bytes);
    ASSERT(encoded <= sizeof bytes);
    if (strlen(row.attributes.stored_etag) > 0) /* a zero inside of it ends it */
        ASSERT(row_decode(span_of(bytes, encoded), &again));
    return 0;
}
