/* bench/job/operation.c -- names and weights. */
#include "bench/job/operation.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"

static const char *const NAMES[OPERATIONS] = {"get",       "put",      "head",      "delete", "list",
                                              "randrange", "seqrange", "multipart", "copy",   "delete-objects"};

const char *operation_name(enum operation operation)
{
    ASSERT(operation < OPERATIONS);
    return NAMES[operation];
}

void operation_mix_only(struct operation_mix *ret_mix, enum operation operation)
{
    *ret_mix = (struct operation_mix){.total = 1};
    ret_mix->weights[operation] = 1;
}

static bool find_operation(struct span name, enum operation *ret_operation)
{
    for (unsigned i = 0; i < OPERATIONS; i++) {
        if (!span_equal(name, span_from_string(NAMES[i])))
            continue;
        *ret_operation = (enum operation)i;
        return true;
    }
    return false;
}

static bool take_weight(struct span piece, struct operation_mix *mix, struct error *error)
{
    size_t colon = span_find(piece, ':');
    struct span name = span_take(piece, colon);
    enum operation operation;
    uint64_t weight;
    if (!find_operation(name, &operation))
        return error_set(error, ERROR_INVALID, NULL, "\"%.*s\" is none of %s", SPAN_FORMAT(span_take(name, 40)),
                         OPERATION_WORDS);
    if (colon == SIZE_MAX || !decimal_parse_range(span_skip(piece, colon + 1), 1, MIX_WEIGHT_MAX, &weight))
        return error_set(error, ERROR_INVALID, NULL, "%s needs a weight from 1 to %d behind a colon: %s:10",
                         NAMES[operation], MIX_WEIGHT_MAX, NAMES[operation]);
    if (mix->weights[operation] != 0)
        return error_set(error, ERROR_INVALID, NULL, "%s stands here twice", NAMES[operation]);
    mix->weights[operation] = weight;
    mix->total += weight;
    return true;
}

bool operation_mix_parse(const char *text, struct operation_mix *ret_mix, struct error *error)
{
    struct span rest = span_from_string(text);
    *ret_mix = (struct operation_mix){0};
    for (;;) {
        size_t comma = span_find(rest, ',');
        if (!take_weight(span_trim(span_take(rest, comma)), ret_mix, error))
            return false;
        if (comma == SIZE_MAX)
            break;
        rest = span_skip(rest, comma + 1);
    }
    if (ret_mix->weights[OPERATION_DELETE] > ret_mix->weights[OPERATION_PUT])
        return error_set(error, ERROR_INVALID, NULL,
                         "there are more deletes than puts: a delete takes what a put of the same job has made");
    if (ret_mix->weights[OPERATION_DELETE_OBJECTS] > 0)
        return error_set(error, ERROR_INVALID, NULL, "delete-objects is no part of a mix: delete is");
    return true;
}

enum operation operation_mix_draw(const struct operation_mix *mix, uint64_t random)
{
    uint64_t left = random % mix->total;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        if (left < mix->weights[i])
            return (enum operation)i;
        left -= mix->weights[i];
    }
    UNREACHABLE();
}
