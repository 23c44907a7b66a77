/* store/attributes.c -- the packed list of header fields that belong to an object. */
#include "store/attributes.h"

#include "runtime/base/byteorder.h"

enum { ENTRY_HEADER_BYTES = 4, METADATA_BYTES_MAX = 65535 };

bool metadata_append(struct buffer *list, struct span name, struct span value)
{
    if (name.size > UINT16_MAX || value.size > UINT16_MAX)
        return false;
    size_t entry_bytes = ENTRY_HEADER_BYTES + name.size + value.size;
    if (list->size + entry_bytes > METADATA_BYTES_MAX || !buffer_reserve(list, entry_bytes))
        return false;
    uint8_t header[ENTRY_HEADER_BYTES];
    store_u16_le(header, (uint16_t)name.size);
    store_u16_le(header + 2, (uint16_t)value.size);
    buffer_append(list, span_of(header, sizeof header));
    buffer_append(list, name);
    buffer_append(list, value);
    return true;
}

bool metadata_next(struct span list, size_t *position, struct span *ret_name, struct span *ret_value)
{
    if (*position > list.size || list.size - *position < ENTRY_HEADER_BYTES)
        return false;
    const uint8_t *entry = list.data + *position;
    size_t name_bytes = load_u16_le(entry);
    size_t value_bytes = load_u16_le(entry + 2);
    if (list.size - *position - ENTRY_HEADER_BYTES < name_bytes + value_bytes)
        return false;
    *ret_name = span_of(entry + ENTRY_HEADER_BYTES, name_bytes);
    *ret_value = span_of(entry + ENTRY_HEADER_BYTES + name_bytes, value_bytes);
    *position += ENTRY_HEADER_BYTES + name_bytes + value_bytes;
    return true;
}

uint32_t metadata_count(struct span list)
{
    uint32_t count = 0;
    struct span name, value;
    for (size_t position = 0; metadata_next(list, &position, &name, &value);)
        count++;
    return count;
}

bool metadata_find(struct span list, struct span name, struct span *ret_value)
{
    struct span found;
    struct span value;
    for (size_t position = 0; metadata_next(list, &position, &found, &value);) {
        if (span_equal(found, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

size_t metadata_user_bytes(struct span list)
{
    const struct span prefix = SPAN("x-amz-meta-");
    size_t total = 0;
    struct span name;
    struct span value;
    for (size_t position = 0; metadata_next(list, &position, &name, &value);) {
        if (span_starts_with(name, prefix))
            total += name.size - prefix.size + value.size;
    }
    return total;
}

bool metadata_is_same(struct span a, struct span b)
{
    struct span name;
    struct span value;
    struct span other;
    for (size_t position = 0; metadata_next(a, &position, &name, &value);) {
        if (!metadata_find(b, name, &other) || !span_equal(value, other))
            return false;
    }
    return metadata_count(a) == metadata_count(b);
}

#define STORAGE_CLASS SPAN("x-amz-storage-class")
#define STORAGE_CLASS_DEFAULT SPAN("STANDARD")

struct span metadata_storage_class(struct span list)
{
    struct span value;
    return list.size > 0 && metadata_find(list, STORAGE_CLASS, &value) ? value : STORAGE_CLASS_DEFAULT;
}

void metadata_with_storage_class(struct span list, struct span storage_class, struct buffer *ret_list)
{
    size_t position = 0;
    struct span name;
    struct span value;
    while (metadata_next(list, &position, &name, &value)) {
        if (!span_equal(name, STORAGE_CLASS))
            (void)metadata_append(ret_list, name, value);
    }
    if (!span_equal(storage_class, STORAGE_CLASS_DEFAULT))
        (void)metadata_append(ret_list, STORAGE_CLASS, storage_class);
}
