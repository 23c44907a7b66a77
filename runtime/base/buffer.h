/* runtime/base/buffer.h -- bytes that grow, up to a limit that is stated when the buffer is made.
 *
 * The owner calls buffer_free (a zeroed struct is a valid empty buffer, freeing twice is harmless). Appending beyond
 * `limit` sets `overflow` and drops what did not fit: callers append freely and look at `overflow` once, at the end.
 * Running out of memory stops the process: buffers are small and bounded by construction. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit; /* 0: no limit of its own */
    bool overflow;
};

void buffer_init(struct buffer *buffer, size_t limit);
void buffer_free(struct buffer *buffer);
/* Empties it and keeps the memory. */
void buffer_clear(struct buffer *buffer);
/* Makes room for more than there is. */
bool buffer_grow(struct buffer *buffer, size_t extra);
/* Room for `extra` more bytes after `size`; false (and overflow) when the limit forbids it. */
static inline bool buffer_reserve(struct buffer *buffer, size_t extra)
{
    return extra <= buffer->capacity - buffer->size || buffer_grow(buffer, extra);
}

static inline void buffer_append(struct buffer *buffer, struct span bytes)
{
    if (bytes.size == 0 || !buffer_reserve(buffer, bytes.size))
        return;
    memcpy(buffer->data + buffer->size, bytes.data, bytes.size);
    buffer->size += bytes.size;
}

static inline void buffer_append_string(struct buffer *buffer, const char *string)
{
    buffer_append(buffer, span_from_string(string));
}

static inline void buffer_append_byte(struct buffer *buffer, uint8_t byte)
{
    if (buffer_reserve(buffer, 1))
        buffer->data[buffer->size++] = byte;
}

void buffer_append_decimal(struct buffer *buffer, uint64_t value);
__attribute__((format(printf, 2, 3))) void buffer_append_format(struct buffer *buffer, const char *format, ...);

static inline struct span buffer_span(const struct buffer *buffer)
{
    return (struct span){buffer->data, buffer->size};
}
