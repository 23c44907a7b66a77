/* codec/columns/plan.c -- what the fields of a record are: valid or not, and the head of a payload. */
#include "codec/columns/columns.h"

#include "runtime/base/assert.h"

#include <inttypes.h>

enum {
    VERSION = 1,
    HEAD_BYTES = 4, /* version, stride, count of runs, lead */
    WIDTH_LOG_BITS = 2,
    OP_BITS = 3,
};

static bool is_decimal(unsigned op)
{
    return op == COLUMNS_OP_DECIMAL_DELTA || op == COLUMNS_OP_DECIMAL;
}

static bool is_known(unsigned op)
{
    return op <= COLUMNS_OP_DELTA2 || is_decimal(op);
}

static bool is_width(unsigned width)
{
    return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool run_is_valid(const struct columns_run *run)
{
    if (!is_width(run->width) || !is_known(run->op) || run->repeat == 0)
        return false;
    return is_decimal(run->op) ? run->width >= 4 && run->exponent <= COLUMNS_EXPONENT_MAX : run->exponent == 0;
}

bool columns_plan_is_valid(const struct columns_plan *plan)
{
    if (plan->stride == 0 || plan->lead >= plan->stride || plan->runs_count == 0 || plan->runs_count > plan->stride)
        return false;
    unsigned bytes = 0;
    for (unsigned i = 0; i < plan->runs_count; i++) {
        if (!run_is_valid(&plan->runs[i]))
            return false;
        bytes += plan->runs[i].width * plan->runs[i].repeat;
    }
    return bytes == plan->stride;
}

uint8_t columns_plan_next_lead(const struct columns_plan *plan, size_t original_size)
{
    unsigned over = (unsigned)(original_size % plan->stride); /* lead + records + over = a whole number of records */
    return (uint8_t)((plan->lead + plan->stride - over) % plan->stride);
}

/* ---- as it is stored ---- */

size_t columns_plan_encode(const struct columns_plan *plan, uint8_t *ret_bytes)
{
    ASSERT(columns_plan_is_valid(plan));
    uint8_t *to = ret_bytes;
    *to++ = VERSION;
    *to++ = plan->stride;
    *to++ = plan->runs_count;
    *to++ = plan->lead;
    for (unsigned i = 0; i < plan->runs_count; i++) {
        const struct columns_run *run = &plan->runs[i];
        *to++ = (uint8_t)(__builtin_ctz(run->width) | run->op << WIDTH_LOG_BITS);
        *to++ = run->repeat;
        if (is_decimal(run->op))
            *to++ = run->exponent;
    }
    return (size_t)(to - ret_bytes);
}

static bool refuse_cut(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "The plan of a frame of columns is cut off.");
}

/* One run from the start of *bytes, which is moved on. */
static bool decode_run(struct span *bytes, struct columns_run *ret_run, struct error *error)
{
    if (bytes->size < 2)
        return refuse_cut(error);
    unsigned kind = bytes->data[0];
    unsigned op = kind >> WIDTH_LOG_BITS & ((1U << OP_BITS) - 1);
    if (kind >> (WIDTH_LOG_BITS + OP_BITS) != 0 || !is_known(op))
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "A frame of columns uses an operation (%02x) that this version of Bale cannot undo.", kind);
    size_t size = is_decimal(op) ? 3 : 2;
    if (bytes->size < size)
        return refuse_cut(error);
    *ret_run = (struct columns_run){
        .width = (uint8_t)(1U << (kind & ((1U << WIDTH_LOG_BITS) - 1))),
        .op = (uint8_t)op,
        .repeat = bytes->data[1],
        .exponent = is_decimal(op) ? bytes->data[2] : 0,
    };
    *bytes = span_skip(*bytes, size);
    return true;
}

bool columns_plan_decode(struct span payload, struct columns_plan *ret_plan, size_t *ret_size, struct error *error)
{
    if (payload.size < HEAD_BYTES)
        return refuse_cut(error);
    if (payload.data[0] != VERSION)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "A frame of columns has version %u of its format; this version of Bale reads version %u.",
                         (unsigned)payload.data[0], (unsigned)VERSION);
    ret_plan->stride = payload.data[1];
    ret_plan->runs_count = payload.data[2];
    ret_plan->lead = payload.data[3];
    struct span left = span_skip(payload, HEAD_BYTES);
    if (ret_plan->runs_count <= ret_plan->stride) /* else it is not valid, which is said below */
        for (unsigned i = 0; i < ret_plan->runs_count; i++)
            if (!decode_run(&left, &ret_plan->runs[i], error))
                return false;
    if (!columns_plan_is_valid(ret_plan))
        return error_set(error, ERROR_DAMAGED, NULL, "The plan of a frame of columns (records of %u bytes) is wrong.",
                         (unsigned)ret_plan->stride);
    *ret_size = payload.size - left.size;
    return true;
}
