/* tests/fuzz/remote/row_fuzz.c -- any bytes as a row: what is accepted is within its bounds, and is written as it was.
 */
#include "runtime/base/assert.h"
#include "store/remote/rows/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct row row;
    struct row again;
    struct buffer bytes = {0};
    if (!row_decode(span_of(data, size), &row))
        return 0;
    ASSERT(strlen(row.attributes.stored_etag) < STORED_ETAG_TEXT_BYTES);
    row_encode(&row, &bytes);
    if (strlen(row.attributes.stored_etag) > 0) /* a zero inside of it ends it */
        ASSERT(row_decode(buffer_span(&bytes), &again));
    buffer_free(&bytes);
    return 0;
}
