/* tests/fuzz/remote/fields_fuzz.c -- any lines "name: value" as what a backend says of an object. */
#include "runtime/base/assert.h"
#include "store/remote/format/fields.h"

enum { FIELDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct http_field fields[FIELDS_MAX];
    unsigned count = 0;
    struct buffer metadata = {0};
    struct buffer again = {0};
    struct backend_object object;
    struct error error;
    while (text.size > 0 && count < FIELDS_MAX) {
        size_t end = span_find(text, '\n');
        struct span line = span_take(text, end);
        size_t colon = span_find(line, ':');
        if (colon != SIZE_MAX)
            fields[count++] = (struct http_field){span_take(line, colon), span_trim(span_skip(line, colon + 1))};
        text = span_skip(text, end == SIZE_MAX ? text.size : end + 1);
    }
    if (fields_decode(fields, count, size, (const uint8_t *)"12345678", &metadata, &object, &error)) {
        const struct trailer trailer = {.facts = {.original_size = size, .parts_count = 3}, .frames_count = 2};
        fields_apply_trailer(&object, &trailer);
        ASSERT(object.attributes.stored_etag[0] != '\0' && object.attributes.is_size_known);
        (void)fields_can_carry(object.attributes.metadata, 0);
        if (object.is_stamped && object.attributes.is_s4)
            (void)fields_encode(&object.attributes, &object.stamp, SPAN_EMPTY, &again);
    }
    buffer_free(&metadata);
    buffer_free(&again);
    return 0;
}
