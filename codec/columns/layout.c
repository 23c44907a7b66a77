/* codec/columns/layout.c -- from the runs of a plan to words. */
#include "codec/columns/layout.h"

#include "runtime/base/assert.h"

enum { WORD_BYTES_MAX = 8 };

static uint8_t order_of(unsigned op)
{
    static const uint8_t orders[] = {
        [COLUMNS_OP_NONE] = 0,          [COLUMNS_OP_DELTA] = 1,   [COLUMNS_OP_DELTA2] = 2,
        [COLUMNS_OP_DECIMAL_DELTA] = 1, [COLUMNS_OP_DECIMAL] = 0,
    };
    return orders[op];
}

/* The longest word of whole fields in what is left of a run. */
static unsigned word_bytes_of(const struct columns_run *run, unsigned bytes_left)
{
    if (columns_op_is_decimal(run->op))
        return run->width;
    unsigned bytes = WORD_BYTES_MAX;
    while (bytes > bytes_left)
        bytes /= 2;
    return bytes;
}

void columns_layout_of(const struct columns_plan *plan, struct columns_layout *ret_layout)
{
    ASSERT(columns_plan_is_valid(plan));
    unsigned offset = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < plan->runs_count; i++) {
        const struct columns_run *run = &plan->runs[i];
        for (unsigned left = run->width * run->repeat; left > 0;) {
            unsigned bytes = word_bytes_of(run, left);
            ret_layout->words[count++] = (struct columns_word){
                .offset = (uint8_t)offset,
                .op = run->op,
                .exponent = run->exponent,
                .shape = {(uint8_t)bytes, run->width, order_of(run->op)},
            };
            offset += bytes;
            left -= bytes;
        }
    }
    ret_layout->words_count = count;
}
