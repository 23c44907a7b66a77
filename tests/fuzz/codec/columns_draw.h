/* tests/fuzz/codec/columns_draw.h -- plans out of the bytes of a fuzzer: whatever they are, a valid one. */
#pragma once

#include "codec/columns/columns.h"

/* Takes bytes from the start, zeros when there are no more. */
static inline unsigned draw_byte(struct span *bytes)
{
    if (bytes->size == 0)
        return 0;
    unsigned byte = bytes->data[0];
    *bytes = span_skip(*bytes, 1);
    return byte;
}

static inline unsigned draw_below(struct span *bytes, unsigned bound)
{
    return draw_byte(bytes) % bound;
}

static inline struct columns_run draw_run(struct span *bytes, unsigned bytes_left)
{
    static const uint8_t ops[] = {COLUMNS_OP_NONE, COLUMNS_OP_DELTA, COLUMNS_OP_DELTA2, COLUMNS_OP_DECIMAL_DELTA,
                                  COLUMNS_OP_DECIMAL};
    unsigned width = 1U << draw_below(bytes, 4);
    while (width > bytes_left)
        width /= 2;
    unsigned op = ops[draw_below(bytes, width >= 4 ? 5 : 3)];
    unsigned repeat = 1 + draw_below(bytes, bytes_left / width);
    unsigned exponent = op >= COLUMNS_OP_DECIMAL_DELTA ? draw_below(bytes, COLUMNS_EXPONENT_MAX + 1) : 0;
    return (struct columns_run){(uint8_t)width, (uint8_t)op, (uint8_t)repeat, (uint8_t)exponent};
}

static inline void draw_plan(struct span *bytes, struct columns_plan *ret_plan)
{
    unsigned stride = 1 + draw_below(bytes, COLUMNS_STRIDE_MAX);
    ret_plan->stride = (uint8_t)stride;
    ret_plan->lead = (uint8_t)draw_below(bytes, stride);
    ret_plan->runs_count = 0;
    for (unsigned left = stride; left > 0;) {
        struct columns_run run = draw_run(bytes, left);
        ret_plan->runs[ret_plan->runs_count++] = run;
        left -= run.width * run.repeat;
    }
}
