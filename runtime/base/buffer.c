/* runtime/base/buffer.c -- growing by doubling, never beyond the limit. */
#include "runtime/base/buffer.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER_FIRST_BYTES = 256 };

void buffer_init(struct buffer *buffer, size_t limit)
{
    *buffer = (struct buffer){.limit = limit};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    buffer->overflow = false;
}

bool buffer_grow(struct buffer *buffer, size_t extra)
{
    size_t needed;
    if (__builtin_add_overflow(buffer->size, extra, &needed) || (buffer->limit != 0 && needed > buffer->limit)) {
        buffer->overflow = true;
        return false;
    }
    size_t capacity = buffer->capacity == 0 ? BUFFER_FIRST_BYTES : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    if (buffer->limit != 0 && capacity > buffer->limit)
        capacity = buffer->limit;
    uint8_t *data = realloc(buffer->data, capacity);
    ASSERT(data != NULL);
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void buffer_append_decimal(struct buffer *buffer, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    buffer_append(buffer, span_of(digits, decimal_format(value, digits)));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    ASSERT(length >= 0);
    if (buffer_reserve(buffer, (size_t)length + 1)) { /* vsnprintf writes a zero, which is not counted */
        (void)vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
}
