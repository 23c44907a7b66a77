/* codec/columns/kernels.c -- the inner loops of columns in plain C, eight bytes of lanes at a time. */
#include "codec/columns/kernels.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdbool.h>

/* ---- arithmetic in lanes of 1, 2, 4 or 8 bytes of one integer: no carry leaves its lane ---- */

struct lanes {
    uint64_t high;  /* the highest bit of each */
    unsigned shift; /* from the highest bit of a lane to its lowest */
};

static inline struct lanes lanes_of(unsigned lane_bytes)
{
    static const uint64_t high[] = {
        [1] = UINT64_C(0x8080808080808080),
        [2] = UINT64_C(0x8000800080008000),
        [4] = UINT64_C(0x8000000080000000),
        [8] = UINT64_C(0x8000000000000000),
    };
    return (struct lanes){high[lane_bytes], lane_bytes * 8 - 1};
}

static inline uint64_t lanes_add(struct lanes lanes, uint64_t a, uint64_t b)
{
    return ((a & ~lanes.high) + (b & ~lanes.high)) ^ ((a ^ b) & lanes.high);
}

static inline uint64_t lanes_subtract(struct lanes lanes, uint64_t a, uint64_t b)
{
    return ((a | lanes.high) - (b & ~lanes.high)) ^ ((a ^ ~b) & lanes.high);
}

/* All bits of the lanes whose highest bit is set in `high`, where there are no others. */
static inline uint64_t lanes_fill(struct lanes lanes, uint64_t high)
{
    return (high - (high >> lanes.shift)) | high;
}

static inline uint64_t lanes_zigzag(struct lanes lanes, uint64_t value)
{
    return ((value & ~lanes.high) << 1) ^ lanes_fill(lanes, value & lanes.high);
}

static inline uint64_t lanes_unzigzag(struct lanes lanes, uint64_t value)
{
    return ((value >> 1) & ~lanes.high) ^ lanes_fill(lanes, (value << lanes.shift) & lanes.high);
}

/* ---- differences and sums ---- */

static void difference(const uint8_t *words, size_t count, struct columns_shape shape, uint8_t *ret_words)
{
    struct lanes lanes = lanes_of(shape.lane_bytes);
    size_t size = count * shape.word_bytes;
    const uint8_t *before = words - shape.word_bytes;
    const uint8_t *before2 = before - shape.word_bytes;
    switch (shape.order) {
    case 0:
        for (size_t i = 0; i < size; i += 8)
            store_u64_le(ret_words + i, lanes_zigzag(lanes, load_u64_le(words + i)));
        break;
    case 1:
        for (size_t i = 0; i < size; i += 8) {
            uint64_t first = lanes_subtract(lanes, load_u64_le(words + i), load_u64_le(before + i));
            store_u64_le(ret_words + i, lanes_zigzag(lanes, first));
        }
        break;
    default:
        for (size_t i = 0; i < size; i += 8) {
            uint64_t last = load_u64_le(before + i);
            uint64_t first = lanes_subtract(lanes, load_u64_le(words + i), last);
            uint64_t second = lanes_subtract(lanes, first, lanes_subtract(lanes, last, load_u64_le(before2 + i)));
            store_u64_le(ret_words + i, lanes_zigzag(lanes, second));
        }
    }
}

static void undo_zigzag(uint8_t *words, size_t size, struct lanes lanes)
{
    for (size_t i = 0; i < size; i += 8)
        store_u64_le(words + i, lanes_unzigzag(lanes, load_u64_le(words + i)));
}

/* Inlined with constants for all but the words. */
__attribute__((always_inline)) static inline void add_up(uint8_t *words, size_t count, unsigned word_bytes,
                                                         bool is_one_lane, struct lanes lanes, unsigned order,
                                                         struct columns_sums *sums)
{
    struct columns_sums at = *sums;
    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        memcpy(&word, words + i * word_bytes, word_bytes);
        if (order == 2) {
            at.difference = is_one_lane ? at.difference + word : lanes_add(lanes, at.difference, word);
            word = at.difference;
        }
        at.value = is_one_lane ? at.value + word : lanes_add(lanes, at.value, word);
        memcpy(words + i * word_bytes, &at.value, word_bytes);
    }
    *sums = at;
}

__attribute__((always_inline)) static inline void add_up_words(uint8_t *words, size_t count, unsigned word_bytes,
                                                               struct columns_shape shape, struct columns_sums *sums)
{
    struct lanes lanes = lanes_of(shape.lane_bytes);
    bool is_one_lane = shape.lane_bytes == word_bytes;
    if (is_one_lane && shape.order == 1)
        add_up(words, count, word_bytes, true, lanes, 1, sums);
    else if (is_one_lane)
        add_up(words, count, word_bytes, true, lanes, 2, sums);
    else if (shape.order == 1)
        add_up(words, count, word_bytes, false, lanes, 1, sums);
    else
        add_up(words, count, word_bytes, false, lanes, 2, sums);
}

static void accumulate(uint8_t *words, size_t count, struct columns_shape shape, struct columns_sums *sums)
{
    undo_zigzag(words, count * shape.word_bytes, lanes_of(shape.lane_bytes));
    if (shape.order == 0)
        return;
    switch (shape.word_bytes) {
    case 1:
        add_up_words(words, count, 1, shape, sums);
        break;
    case 2:
        add_up_words(words, count, 2, shape, sums);
        break;
    case 4:
        add_up_words(words, count, 4, shape, sums);
        break;
    default:
        add_up_words(words, count, 8, shape, sums);
    }
}

/* ---- words and planes ---- */

static void split(const uint8_t *words, size_t count, unsigned word_bytes, uint8_t *planes, size_t plane_bytes)
{
    if (word_bytes == 1) {
        memcpy(planes, words, count);
        return;
    }
    for (unsigned b = 0; b < word_bytes; b++)
        for (size_t i = 0; i < count; i++)
            planes[b * plane_bytes + i] = words[i * word_bytes + b];
}

static void join(const uint8_t *const *planes, size_t count, unsigned word_bytes, uint8_t *ret_words)
{
    if (word_bytes == 1) {
        memcpy(ret_words, planes[0], count);
        return;
    }
    for (unsigned b = 0; b < word_bytes; b++)
        for (size_t i = 0; i < count; i++)
            ret_words[i * word_bytes + b] = planes[b][i];
}

const struct columns_kernels columns_kernels_plain = {
    .difference = difference,
    .accumulate = accumulate,
    .split = split,
    .join = join,
};

#ifdef CODEC_SSE2
extern const struct columns_kernels columns_kernels_sse2;
const struct columns_kernels *const columns_kernels_best = &columns_kernels_sse2;
#else
const struct columns_kernels *const columns_kernels_best = &columns_kernels_plain;
#endif

/* ---- words and records ---- */

/* A constant in the loops: records of pixels are so short that their addresses cost as much as what is copied. */
enum { PIXEL_BYTES = 3 };

__attribute__((always_inline)) static inline void copy_words(const uint8_t *from, size_t from_stride, uint8_t *to,
                                                             size_t to_stride, size_t count, size_t word_bytes)
{
#pragma GCC unroll 8
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * to_stride, from + i * from_stride, word_bytes);
}

__attribute__((always_inline)) static inline void copy_strided(const uint8_t *from, size_t from_stride, uint8_t *to,
                                                               size_t to_stride, size_t count, unsigned word_bytes)
{
    switch (word_bytes) {
    case 1:
        copy_words(from, from_stride, to, to_stride, count, 1);
        break;
    case 2:
        copy_words(from, from_stride, to, to_stride, count, 2);
        break;
    case 4:
        copy_words(from, from_stride, to, to_stride, count, 4);
        break;
    default:
        ASSERT(word_bytes == 8);
        copy_words(from, from_stride, to, to_stride, count, 8);
    }
}

void columns_gather(const uint8_t *fields, unsigned stride, size_t count, unsigned word_bytes, uint8_t *ret_words)
{
    if (stride == word_bytes)
        memcpy(ret_words, fields, count * word_bytes);
    else if (stride == PIXEL_BYTES)
        copy_strided(fields, PIXEL_BYTES, ret_words, word_bytes, count, word_bytes);
    else
        copy_strided(fields, stride, ret_words, word_bytes, count, word_bytes);
}

void columns_scatter(const uint8_t *words, size_t count, unsigned word_bytes, uint8_t *ret_fields, unsigned stride)
{
    if (stride == word_bytes)
        memcpy(ret_fields, words, count * word_bytes);
    else if (stride == PIXEL_BYTES)
        copy_strided(words, word_bytes, ret_fields, PIXEL_BYTES, count, word_bytes);
    else
        copy_strided(words, word_bytes, ret_fields, stride, count, word_bytes);
}
