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

/* ---- sums: in each register by doubling distances, so that between two registers only one addition waits ---- */

__attribute__((always_inline)) static inline __m128i add_lanes(__m128i a, __m128i b, unsigned lane_bytes)
{
    return lane_bytes == 1   ? _mm_add_epi8(a, b)
           : lane_bytes == 2 ? _mm_add_epi16(a, b)
           : lane_bytes == 4 ? _mm_add_epi32(a, b)
                             : _mm_add_epi64(a, b);
}

/* Half of each lane, with all bits turned where it was odd. */
__attribute__((always_inline)) static inline __m128i undo_zigzag(__m128i lanes, unsigned lane_bytes)
{
    const __m128i zero = _mm_setzero_si128();
    switch (lane_bytes) {
    case 1:
        return _mm_xor_si128(_mm_and_si128(_mm_srli_epi16(lanes, 1), _mm_set1_epi8(0x7f)),
                             _mm_sub_epi8(zero, _mm_and_si128(lanes, _mm_set1_epi8(1))));
    case 2:
        return _mm_xor_si128(_mm_srli_epi16(lanes, 1), _mm_sub_epi16(zero, _mm_and_si128(lanes, _mm_set1_epi16(1))));
    case 4:
        return _mm_xor_si128(_mm_srli_epi32(lanes, 1), _mm_sub_epi32(zero, _mm_and_si128(lanes, _mm_set1_epi32(1))));
    default:
        return _mm_xor_si128(_mm_srli_epi64(lanes, 1), _mm_sub_epi64(zero, _mm_and_si128(lanes, _mm_set1_epi64x(1))));
    }
}

/* Each word becomes the sum of those up to it. */
__attribute__((always_inline)) static inline __m128i sum_words(__m128i words, unsigned word_bytes, unsigned lane_bytes)
{
    if (word_bytes == 1)
        words = add_lanes(words, _mm_slli_si128(words, 1), lane_bytes);
    if (word_bytes <= 2)
        words = add_lanes(words, _mm_slli_si128(words, 2), lane_bytes);
    if (word_bytes <= 4)
        words = add_lanes(words, _mm_slli_si128(words, 4), lane_bytes);
    return add_lanes(words, _mm_slli_si128(words, 8), lane_bytes);
}

/* The last word, everywhere. */
__attribute__((always_inline)) static inline __m128i spread_last(__m128i words, unsigned word_bytes)
{
    if (word_bytes == 1) {
        words = _mm_unpackhi_epi8(words, words);
        word_bytes = 2;
    }
    if (word_bytes == 2)
        words = _mm_shufflehi_epi16(words, 0xff);
    return word_bytes == 4 ? _mm_shuffle_epi32(words, 0xff) : _mm_unpackhi_epi64(words, words);
}

/* A sum as plain C keeps it: a word, its lowest bytes. */
__attribute__((always_inline)) static inline __m128i spread_sum(uint64_t sum, unsigned word_bytes)
{
    uint64_t last = sum << (64 - 8 * word_bytes);
    return spread_last(_mm_set_epi64x((long long)last, 0), word_bytes);
}

__attribute__((always_inline)) static inline size_t add_up_blocks(uint8_t *words, size_t count, unsigned word_bytes,
                                                                  unsigned lane_bytes, unsigned order,
                                                                  struct columns_sums *sums)
{
    size_t size = count * word_bytes & ~(size_t)15;
    __m128i value = spread_sum(sums->value, word_bytes);
    __m128i difference = spread_sum(sums->difference, word_bytes);
    for (size_t i = 0; i < size; i += 16) {
        __m128i *block = (__m128i *)(void *)(words + i);
        __m128i sum = sum_words(undo_zigzag(_mm_loadu_si128(block), lane_bytes), word_bytes, lane_bytes);
        if (order == 2) {
            __m128i differences = add_lanes(sum, difference, lane_bytes);
            difference = add_lanes(spread_last(sum, word_bytes), difference, lane_bytes);
            sum = sum_words(differences, word_bytes, lane_bytes);
        }
        _mm_storeu_si128(block, add_lanes(sum, value, lane_bytes));
        value = add_lanes(spread_last(sum, word_bytes), value, lane_bytes);
    }
    sums->value = (uint64_t)_mm_cvtsi128_si64(value);
    sums->difference = (uint64_t)_mm_cvtsi128_si64(difference);
    return size / word_bytes;
}

__attribute__((always_inline)) static inline size_t add_up_lanes(uint8_t *words, size_t count, unsigned word_bytes,
                                                                 unsigned lane_bytes, unsigned order,
                                                                 struct columns_sums *sums)
{
    if (order == 1)
        return add_up_blocks(words, count, word_bytes, lane_bytes, 1, sums);
    return add_up_blocks(words, count, word_bytes, lane_bytes, 2, sums);
}

__attribute__((always_inline)) static inline size_t add_up_words(uint8_t *words, size_t count, unsigned word_bytes,
                                                                 struct columns_shape shape, struct columns_sums *sums)
{
    if (shape.lane_bytes == word_bytes)
        return add_up_lanes(words, count, word_bytes, word_bytes, shape.order, sums);
    if (shape.lane_bytes == 1)
        return add_up_lanes(words, count, word_bytes, 1, shape.order, sums);
    if (shape.lane_bytes == 2)
        return add_up_lanes(words, count, word_bytes, 2, shape.order, sums);
    return add_up_lanes(words, count, word_bytes, 4, shape.order, sums);
}

static void difference(const uint8_t *words, size_t count, struct columns_shape shape, uint8_t *ret_words)
{
    columns_kernels_plain.difference(words, count, shape, ret_words);
}

static size_t add_up(uint8_t *words, size_t count, struct columns_shape shape, struct columns_sums *sums)
{
    switch (shape.word_bytes) {
    case 1:
        return add_up_words(words, count, 1, shape, sums);
    case 2:
        return add_up_words(words, count, 2, shape, sums);
    case 4:
        return add_up_words(words, count, 4, shape, sums);
    default:
        return add_up_words(words, count, 8, shape, sums);
    }
}

static void accumulate(uint8_t *words, size_t count, struct columns_shape shape, struct columns_sums *sums)
{
    size_t done = shape.order == 0 ? 0 : add_up(words, count, shape, sums);
    columns_kernels_plain.accumulate(words + done * shape.word_bytes, count - done, shape, sums);
}

const struct columns_kernels columns_kernels_sse2 = {
    .difference = difference,
    .accumulate = accumulate,
    .split = split,
    .join = join,
};
