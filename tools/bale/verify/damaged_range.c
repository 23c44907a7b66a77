/* tools/bale/verify/damaged_range.c -- asks the index, then the headers. */
#include "tools/bale/verify/damaged_range.h"

#include "codec/format/frame.h"
#include "codec/format/sidecar.h"

/* True: the index has such a frame, and it says the same of the whole object as its attributes. */
static bool find_in_index(struct span encoded, const struct object_attributes *attributes, uint64_t position,
                          uint64_t *ret_end)
{
    struct sidecar sidecar;
    struct sidecar_entry entry;
    uint64_t index;
    if (!sidecar_decode(encoded, &sidecar, NULL) || sidecar.original_total != attributes->original_size ||
        !sidecar_find(&sidecar, position, &index))
        return false;
    sidecar_entry_at(&sidecar, index, &entry);
    *ret_end = entry.original_offset + entry.original_size;
    return *ret_end > position && *ret_end <= attributes->original_size;
}

/* From the first frame on. A header that is none ends the walk: what lies behind it cannot be found. */
SUSPENDS static uint64_t find_by_headers(struct bucket_object *object, uint64_t position)
{
    const struct object_attributes *attributes = &object->attributes;
    struct frame_header header;
    uint64_t original = 0;
    for (uint64_t at = 0; at < attributes->stored_size; at += header.header_size + header.payload_size) {
        uint8_t head[FRAME_HEADER_BYTES];
        struct error ignored;
        uint64_t left = attributes->stored_size - at;
        size_t size = left < sizeof head ? (size_t)left : sizeof head;
        if (!bucket_read(object, at, head, size, &ignored) ||
            !frame_header_decode(span_of(head, size), left, &header, &ignored))
            break;
        original += header.kind == FRAME_DATA ? header.original_size : 0;
        if (original > position)
            return original < attributes->original_size ? original : attributes->original_size;
    }
    return attributes->original_size;
}

SUSPENDS bool damaged_range_find(struct bucket_object *object, uint64_t position, uint64_t *ret_end,
                                 struct error *error)
{
    struct buffer encoded;
    *ret_end = object->attributes.original_size;
    if (object->attributes.layout != LAYOUT_FRAMED)
        return true;
    buffer_init(&encoded, SIDECAR_BYTES_MAX);
    bool done = bucket_read_sidecar(object, &encoded, error) || error->kind == ERROR_DAMAGED;
    if (done && !find_in_index(buffer_span(&encoded), &object->attributes, position, ret_end))
        *ret_end = find_by_headers(object, position);
    buffer_free(&encoded);
    return done;
}
