/* runtime/base/byteorder.h -- integers in stored formats, at any alignment. */
#pragma once

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Bale is built for little-endian machines"
#endif

static inline uint16_t load_u16_le(const void *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint32_t load_u32_le(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint64_t load_u64_le(const void *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint32_t load_u32_be(const void *from)
{
    return __builtin_bswap32(load_u32_le(from));
}

static inline uint64_t load_u64_be(const void *from)
{
    return __builtin_bswap64(load_u64_le(from));
}

static inline void store_u16_le(void *to, uint16_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void store_u32_le(void *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void store_u64_le(void *to, uint64_t value)
{
    memcpy(to, &value, sizeof value);
}

static inline void store_u32_be(void *to, uint32_t value)
{
    store_u32_le(to, __builtin_bswap32(value));
}

static inline void store_u64_be(void *to, uint64_t value)
{
    store_u64_le(to, __builtin_bswap64(value));
}
