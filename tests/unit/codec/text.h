/* tests/unit/codec/text.h -- hexadecimal constants of tests as bytes. */
#pragma once

#include "runtime/base/hex.h"

#include <check.h>

/* At most 512 bytes; static memory that the fourth call after this one uses again. */
static inline struct span bytes_of_hex(const char *text)
{
    static uint8_t rows[4][512];
    static unsigned turn;
    uint8_t *bytes = rows[turn++ % 4];
    size_t size = strlen(text) / 2;
    ck_assert_uint_le(size, sizeof rows[0]);
    ck_assert(hex_decode(span_from_string(text), bytes, size));
    return span_of(bytes, size);
}

#define ck_assert_span_eq(left, right)                         \
    do {                                                       \
        struct span left_ = (left), right_ = (right);          \
        ck_assert_uint_eq(left_.size, right_.size);            \
        ck_assert_mem_eq(left_.data, right_.data, left_.size); \
    } while (0)
