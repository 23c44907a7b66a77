/* runtime/base/span.h -- bytes that somebody else owns.
 *
 * A span says where bytes are, never who frees them; it is passed by value. Text is a span too (UTF-8 or raw, no
 * terminating zero promised). An empty span may have a NULL pointer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *data;
    size_t size;
};

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})
#define SPAN_EMPTY ((struct span){NULL, 0})
/* For printf: "%.*s". The text must be known to hold no control bytes that matter to the reader. */
#define SPAN_FORMAT(span) (int)(span).size, (const char *)(span).data

static inline struct span span_of(const void *data, size_t size)
{
    return (struct span){data, size};
}

static inline struct span span_from_string(const char *string)
{
    return (struct span){(const uint8_t *)string, strlen(string)};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Byte order, as S3 sorts keys: a prefix comes before what it begins. */
static inline int span_compare(struct span a, struct span b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

static inline bool span_starts_with(struct span text, struct span prefix)
{
    return text.size >= prefix.size && (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

static inline bool span_ends_with(struct span text, struct span suffix)
{
    return text.size >= suffix.size &&
           (suffix.size == 0 || memcmp(text.data + text.size - suffix.size, suffix.data, suffix.size) == 0);
}

/* The bytes from `from` on; `from` must not lie beyond the end. */
static inline struct span span_skip(struct span text, size_t from)
{
    return (struct span){from == 0 ? text.data : text.data + from, text.size - from}; /* NULL + 0 is undefined in C17 */
}

static inline struct span span_take(struct span text, size_t size)
{
    return (struct span){text.data, size < text.size ? size : text.size};
}

/* Position of the first such byte, or SIZE_MAX. */
static inline size_t span_find(struct span text, uint8_t byte)
{
    const uint8_t *found = text.size == 0 ? NULL : memchr(text.data, byte, text.size);
    return found == NULL ? SIZE_MAX : (size_t)(found - text.data);
}

/* Of texts of one length. */
bool span_equal_letters(struct span a, struct span b);

/* ASCII only: HTTP names, hex, booleans. Never keys. Most names differ in their length already. */
static inline bool span_equal_ignore_case(struct span a, struct span b)
{
    return a.size == b.size && span_equal_letters(a, b);
}

/* Without leading and trailing spaces and tabs. */
struct span span_trim(struct span text);

/* Time does not depend on where they differ: for secrets and signatures. */
bool span_equal_constant_time(struct span a, struct span b);
