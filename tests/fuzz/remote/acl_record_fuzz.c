/* tests/fuzz/remote/acl_record_fuzz.c -- any bytes as a list that lies apart. A right checksum is put in, so that what
 * lies behind it is reached. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/remote/acl/acl_record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    struct acl_record record;
    struct acl_record again;
    struct buffer encoded = {0};
    ASSERT(bytes != NULL);
    memcpy(bytes, data, size);
    if (size >= 12)
        store_u32_le(bytes + 8, crc32c_update(0, span_of(bytes + 12, size - 12)));
    if (acl_record_decode(span_of(bytes, size), &record)) {
        ASSERT(record.key.size <= OBJECT_KEY_BYTES_MAX && record.acl.size <= OBJECT_ACL_BYTES_MAX);
        acl_record_encode(&record, &encoded);
        ASSERT(acl_record_decode(buffer_span(&encoded), &again) && span_equal(record.acl, again.acl));
    }
    buffer_free(&encoded);
    free(bytes);
    return 0;
}
