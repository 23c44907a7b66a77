/* tests/fuzz/remote/trailer_fuzz.c -- any bytes as the end of an object: what is accepted adds up. The first eight say
 * how long the object claims to be; a right checksum is put in, so that what lies behind it is reached. */
#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/remote/format/trailer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct trailer *trailer)
{
    struct trailer_cursor cursor = {0};
    struct sidecar_entry entry;
    uint64_t count = 0;
    while (trailer_next_frame(trailer, &cursor))
        count++;
    ASSERT(count == trailer->frames_count);
    if (count > 0) {
        ASSERT(trailer_find_frame(trailer, trailer->facts.original_size - 1, &entry));
        ASSERT(entry.stored_offset + entry.stored_size == trailer->body_size);
    }
    ASSERT(!trailer_find_frame(trailer, trailer->facts.original_size, &entry));
    struct object_part part = {0};
    size_t position = 0;
    while (trailer_next_part(trailer, &position, &part))
        ASSERT(part.number <= PART_NUMBER_MAX);
    ASSERT(trailer->seal.size <= OBJECT_SEAL_BYTES_MAX);
    struct buffer encoded = {0};
    struct sidecar sidecar;
    trailer_to_sidecar(trailer, &encoded);
    if (count > 0)
        ASSERT(sidecar_decode(buffer_span(&encoded), &sidecar, NULL) && sidecar.framed_total == trailer->body_size);
    buffer_free(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trailer trailer;
    uint64_t bytes;
    if (size < 8)
        return 0;
    uint64_t stored_size = load_u64_le(data);
    uint8_t *frame = malloc(size);
    ASSERT(frame != NULL);
    size -= 8;
    memcpy(frame, data + 8, size);
    (void)trailer_locate(span_of(frame, size), stored_size, &bytes);
    if (size >= TRAILER_BYTES_LEAST) {
        struct span sections = span_of(frame + 12, size - TRAILER_BYTES_LEAST);
        store_u32_le(frame + size - TRAILER_FOOTER_BYTES + 16, crc32c_update(0, sections));
    }
    if (trailer_decode(span_of(frame, size), stored_size, &trailer, NULL))
        walk(&trailer);
    free(frame);
    return 0;
}
