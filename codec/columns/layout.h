/* codec/columns/layout.h -- what a plan comes to: the words that a record is worked on by. Private to columns. */
#pragma once

#include "codec/columns/columns.h"
#include "codec/columns/kernels.h"

struct columns_word {
    uint8_t offset; /* in the record; also the number of its first plane */
    uint8_t op;     /* enum columns_op, of all of its lanes */
    uint8_t exponent;
    struct columns_shape shape;
};

struct columns_layout {
    unsigned words_count;
    struct columns_word words[COLUMNS_STRIDE_MAX]; /* they cover the record, in its order */
};

/* Neighbours of one run are put together as far as eight bytes go; decimals stay alone. `plan` is valid. */
void columns_layout_of(const struct columns_plan *plan, struct columns_layout *ret_layout);

static inline bool columns_op_is_decimal(unsigned op)
{
    return op == COLUMNS_OP_DECIMAL_DELTA || op == COLUMNS_OP_DECIMAL;
}

/* Records of a piece: few enough that all of it stays in the nearest cache while word after word is taken out of it. */
static inline size_t columns_piece_records(unsigned stride)
{
    enum { PIECE_BYTES = 16 << 10, PIECE_RECORDS_MIN = 128 };
    size_t records = PIECE_BYTES / stride & ~(size_t)15;
    return records < PIECE_RECORDS_MIN           ? PIECE_RECORDS_MIN
           : records > COLUMNS_PIECE_RECORDS_MAX ? COLUMNS_PIECE_RECORDS_MAX
                                                 : records;
}

/* How many of a decimal field's records may be exceptions. */
static inline size_t columns_exceptions_max(size_t records)
{
    return records / 16;
}

/* The table of planes: their modes as they are stored. */
enum columns_mode {
    COLUMNS_MODE_RAW = 0,
    COLUMNS_MODE_ONE_VALUE = 1,
    COLUMNS_MODE_ZSTD = 2,
};
