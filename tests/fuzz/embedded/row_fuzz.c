/* tests/fuzz/embedded/row_fuzz.c -- any bytes as a row: refused or decoded, and what is decoded encodes to the same
 * again. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct row *row)
{
    struct buffer object;
    struct row again;
    struct error error;
    buffer_init(&object, 0);
    row_encode_object(row, &object);
    ASSERT(row_decode_object(buffer_span(&object), &again, &error));
    ASSERT(again.attributes.original_size == row->attributes.original_size);
    ASSERT(strcmp(again.attributes.etag, row->attributes.etag) == 0);
    ASSERT(strcmp(again.attributes.version, row->attributes.version) == 0);
    ASSERT(span_equal(again.attributes.metadata, row->attributes.metadata));
    ASSERT(span_equal(again.attributes.seal, row->attributes.seal));
    ASSERT(span_equal(again.extents, row->extents));
    buffer_free(&object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span key = SPAN("123456key");
    struct span object;
    struct row_shape shape;
    struct row row;
    struct error error;
    uint8_t *bytes = malloc(size + 4); /* the checksum is made right: else nothing behind it would be reached */
    memcpy(bytes + 4, data, size);
    store_u32_le(bytes, crc32c_update(crc32c_update(0, key), span_of(data, size)));
    if (row_open(key, span_of(bytes, size + 4), &shape, &object, &error) && shape.has_object &&
        row_decode_object(object, &row, &error))
        check_again(&row);
    free(bytes);
    return 0;
}
