/* codec/columns/kernels.h -- the inner loops of columns, over pieces of a frame that lie in the nearest cache.
 *
 * A *word* is 1, 2, 4 or 8 neighbouring bytes of a record that are worked on together. It has one or more *lanes*: the
 * fields in it, of one width. So eight fields of a byte cost as much as one of eight bytes.
 *
 * Words lie one after the other in a buffer of COLUMNS_WORDS_BYTES whose first COLUMNS_WORDS_BEFORE bytes come before
 * them; loops read and write up to 15 bytes behind the last one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    COLUMNS_PIECE_RECORDS_MAX = 2048,
    COLUMNS_WORDS_BEFORE = 16, /* the words of the two records before, right before the first */
    COLUMNS_WORDS_BYTES = COLUMNS_WORDS_BEFORE + COLUMNS_PIECE_RECORDS_MAX * 8 + 16,
};

struct columns_shape {
    uint8_t word_bytes;
    uint8_t lane_bytes; /* word_bytes or less */
    uint8_t order;      /* of the difference: 0 (zigzag alone), 1, 2 */
};

/* Where adding up stands between two pieces; all zero before the first. */
struct columns_sums {
    uint64_t value;
    uint64_t difference; /* of order 2 */
};

struct columns_kernels {
    /* Zigzag of the lanes' differences of words[0..count); reads as many words before them as the order is. */
    void (*difference)(const uint8_t *words, size_t count, struct columns_shape shape, uint8_t *ret_words);
    /* The way back, in place. */
    void (*accumulate)(uint8_t *words, size_t count, struct columns_shape shape, struct columns_sums *sums);
    /* Byte b of each word to planes + b * plane_bytes. */
    void (*split)(const uint8_t *words, size_t count, unsigned word_bytes, uint8_t *planes, size_t plane_bytes);
    /* Byte b of each word from planes[b]. */
    void (*join)(const uint8_t *const *planes, size_t count, unsigned word_bytes, uint8_t *ret_words);
};

extern const struct columns_kernels columns_kernels_plain;
/* The fastest of this build; plain C unless the machine is known. -Dsimd=false: plain C anywhere. */
extern const struct columns_kernels *const columns_kernels_best;

/* Words out of records of `stride` bytes, and back. `fields` is the word of the first record. */
void columns_gather(const uint8_t *fields, unsigned stride, size_t count, unsigned word_bytes, uint8_t *ret_words);
void columns_scatter(const uint8_t *words, size_t count, unsigned word_bytes, uint8_t *ret_fields, unsigned stride);
