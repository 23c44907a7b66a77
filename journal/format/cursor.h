/* journal/format/cursor.h -- reads stored bytes from front to back without ever stepping beyond them.
 *
 * The first read that does not fit sets `failed`; it and all later reads give zeros and empty spans. So a decoder reads
 * freely and looks at `failed` where it is about to trust a number, and once at the end. */
#pragma once

#include "runtime/base/byteorder.h"
#include "runtime/base/span.h"

struct cursor {
    struct span rest;
    bool failed;
};

static inline struct cursor cursor_of(struct span bytes)
{
    return (struct cursor){bytes, false};
}

static inline struct span cursor_take(struct cursor *cursor, size_t size)
{
    if (cursor->failed || size > cursor->rest.size) {
        cursor->failed = true;
        return SPAN_EMPTY;
    }
    struct span taken = span_take(cursor->rest, size);
    cursor->rest = span_skip(cursor->rest, size);
    return taken;
}

static inline void cursor_copy(struct cursor *cursor, void *ret_bytes, size_t size)
{
    struct span taken = cursor_take(cursor, size);
    if (cursor->failed)
        memset(ret_bytes, 0, size);
    else
        memcpy(ret_bytes, taken.data, size);
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
    struct span taken = cursor_take(cursor, 1);
    return cursor->failed ? 0 : taken.data[0];
}

static inline uint16_t cursor_u16(struct cursor *cursor)
{
    struct span taken = cursor_take(cursor, 2);
    return cursor->failed ? 0 : load_u16_le(taken.data);
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
    struct span taken = cursor_take(cursor, 4);
    return cursor->failed ? 0 : load_u32_le(taken.data);
}

static inline uint64_t cursor_u64(struct cursor *cursor)
{
    struct span taken = cursor_take(cursor, 8);
    return cursor->failed ? 0 : load_u64_le(taken.data);
}

/* A count of elements that take at least `element_bytes` each: one that cannot fit fails. */
static inline uint32_t cursor_count(struct cursor *cursor, size_t element_bytes)
{
    uint32_t count = cursor_u32(cursor);
    if (count > cursor->rest.size / element_bytes)
        cursor->failed = true;
    return cursor->failed ? 0 : count;
}

static inline bool cursor_is_done(const struct cursor *cursor)
{
    return !cursor->failed && cursor->rest.size == 0;
}
