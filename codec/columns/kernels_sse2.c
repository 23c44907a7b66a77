/* codec/columns/kernels_sse2.c -- the inner loops of columns with SSE2, which every x86-64 has.
 *
 * `difference` stays as it is: compilers make of the plain loop what would stand here. */
#include "codec/columns/kernels.h"

#include "runtime/base/byteorder.h"

#include <emmintrin.h>

enum { BLOCK_RECORDS = 16 }; /* as many bytes of a plane as a register holds */

/* ---- words and planes: a transposition of 16 records, as rotations of the bits of a byte's position ----
 *
 * In `count` registers of 16 bytes (1 << log2_count of them) a byte has the position (register, byte in it), which are
 * log2_count + 4 bits. Interleaving each register of the first half with that of the second moves all of them up by
 * one, and the highest to the lowest. Words as they lie have the position (record, byte of the word), planes have
 * (byte of the word, record), and a record has 4 bits: so 4 rotations split, and log2_count of them join. */
__attribute__((always_inline)) static inline void rotate(__m128i *registers, unsigned count, unsigned times)
{
    for (unsigned t = 0; t < times; t++) {
        __m128i rotated[8];
        for (unsigned i = 0; i < count / 2; i++) {
            rotated[2 * i] = _mm_unpacklo_epi8(registers[i], registers[i + count / 2]);
            rotated[2 * i + 1] = _mm_unpackhi_epi8(registers[i], registers[i + count / 2]);
        }
        for (unsigned i = 0; i < count; i++)
            registers[i] = rotated[i];
    }
}

__attribute__((always_inline)) static inline size_t split_blocks(const uint8_t *words, size_t count,
                                                                 unsigned word_bytes, uint8_t *planes,
                                                                 size_t plane_bytes)
{
    size_t done = 0;
    for (; done + BLOCK_RECORDS <= count; done += BLOCK_RECORDS) {
        __m128i registers[8];
        for (unsigned r = 0; r < word_bytes; r++)
            registers[r] = _mm_loadu_si128((const __m128i *)(const void *)(words + done * word_bytes + r * 16));
        rotate(registers, word_bytes, 4);
        for (unsigned r = 0; r < word_bytes; r++)
            _mm_storeu_si128((__m128i *)(void *)(planes + r * plane_bytes + done), registers[r]);
    }
    return done;
}

__attribute__((always_inline)) static inline size_t join_blocks(const uint8_t *const *planes, size_t count,
                                                                unsigned word_bytes, unsigned log2_word_bytes,
                                                                uint8_t *ret_words)
{
    size_t done = 0;
    for (; done + BLOCK_RECORDS <= count; done += BLOCK_RECORDS) {
        __m128i registers[8];
        for (unsigned r = 0; r < word_bytes; r++)
            registers[r] = _mm_loadu_si128((const __m128i *)(const void *)(planes[r] + done));
        rotate(registers, word_bytes, log2_word_bytes);
        for (unsigned r = 0; r < word_bytes; r++)
            _mm_storeu_si128((__m128i *)(void *)(ret_words + done * word_bytes + r * 16), registers[r]);
    }
    return done;
}

static void split(const uint8_t *words, size_t count, unsigned word_bytes, uint8_t *planes, size_t plane_bytes)
{
    size_t done = 0;
    if (word_bytes == 8)
        done = split_blocks(words, count, 8, planes, plane_bytes);
    else if (word_bytes == 4)
        done = split_blocks(words, count, 4, planes, plane_bytes);
    else if (word_bytes == 2)
        done = split_blocks(words, count, 2, planes, plane_bytes);
    columns_kernels_plain.split(words + done * word_bytes, count - done, word_bytes, planes + done, plane_bytes);
}

static void join(const uint8_t *const *planes, size_t count, unsigned word_bytes, uint8_t *ret_words)
{
    size_t done = 0;
    if (word_bytes == 8)
        done = join_blocks(planes, count, 8, 3, ret_words);
    else if (word_bytes == 4)
        done = join_blocks(planes, count, 4, 2, ret_words);
    else if (word_bytes == 2)
        done = join_blocks(planes, count, 2, 1, ret_words);
    if (done == count)
        return;
    const uint8_t *rest[8];
    for (unsigned b = 0; b < word_bytes; b++)
        rest[b] = planes[b] + done;
    columns_kernels_plain.join(rest, count - done, word_bytes, ret_words + done * word_bytes);
}

/* ---- sums: in a register an addition in lanes takes one cycle, in an integer four ---- */

__attribute__((always_inline)) static inline __m128i add_lanes(__m128i a, __m128i b, unsigned lane_bytes)
{
    return lane_bytes == 1 ? _mm_add_epi8(a, b) : lane_bytes == 2 ? _mm_add_epi16(a, b) : _mm_add_epi32(a, b);
}

__attribute__((always_inline)) static inline void add_up(uint8_t *words, size_t count, unsigned word_bytes,
                                                         unsigned lane_bytes, unsigned order, struct columns_sums *sums)
{
    __m128i value = _mm_cvtsi64_si128((long long)sums->value);
    __m128i difference = _mm_cvtsi64_si128((long long)sums->difference);
    for (size_t i = 0; i < count; i++) {
        uint64_t bytes = 0;
        memcpy(&bytes, words + i * word_bytes, word_bytes);
        __m128i word = _mm_cvtsi64_si128((long long)bytes);
        if (order == 2)
            word = difference = add_lanes(difference, word, lane_bytes);
        value = add_lanes(value, word, lane_bytes);
        bytes = (uint64_t)_mm_cvtsi128_si64(value);
        memcpy(words + i * word_bytes, &bytes, word_bytes);
    }
    sums->value = (uint64_t)_mm_cvtsi128_si64(value);
    sums->difference = (uint64_t)_mm_cvtsi128_si64(difference);
}

__attribute__((always_inline)) static inline void add_up_lanes(uint8_t *words, size_t count, unsigned word_bytes,
                                                               struct columns_shape shape, struct columns_sums *sums)
{
    if (shape.lane_bytes == 1 && shape.order == 1)
        add_up(words, count, word_bytes, 1, 1, sums);
    else if (shape.lane_bytes == 1)
        add_up(words, count, word_bytes, 1, 2, sums);
    else if (shape.lane_bytes == 2 && shape.order == 1)
        add_up(words, count, word_bytes, 2, 1, sums);
    else if (shape.lane_bytes == 2)
        add_up(words, count, word_bytes, 2, 2, sums);
    else if (shape.order == 1)
        add_up(words, count, word_bytes, 4, 1, sums);
    else
        add_up(words, count, word_bytes, 4, 2, sums);
}

static void difference(const uint8_t *words, size_t count, struct columns_shape shape, uint8_t *ret_words)
{
    columns_kernels_plain.difference(words, count, shape, ret_words);
}

static void accumulate(uint8_t *words, size_t count, struct columns_shape shape, struct columns_sums *sums)
{
    if (shape.lane_bytes == shape.word_bytes || shape.order == 0) {
        columns_kernels_plain.accumulate(words, count, shape, sums);
        return;
    }
    struct columns_shape zigzag = shape;
    zigzag.order = 0;
    columns_kernels_plain.accumulate(words, count, zigzag, sums);
    if (shape.word_bytes == 8)
        add_up_lanes(words, count, 8, shape, sums);
    else if (shape.word_bytes == 4)
        add_up_lanes(words, count, 4, shape, sums);
    else
        add_up_lanes(words, count, 2, shape, sums);
}

const struct columns_kernels columns_kernels_sse2 = {
    .difference = difference,
    .accumulate = accumulate,
    .split = split,
    .join = join,
};
