/* store/remote/format/varint.c -- LEB128. */
#include "store/remote/format/varint.h"

void varint_append(struct buffer *to, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    buffer_append(to, span_of(bytes, size));
}

bool varint_take(struct span bytes, size_t *position, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *position < bytes.size; shift += 7) {
        uint8_t byte = bytes.data[(*position)++];
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}
