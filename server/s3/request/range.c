/* server/s3/request/range.c -- the Range header: which bytes of the original are asked for. */
#include "server/s3/request/range.h"

#include <inttypes.h>
#include <stdio.h>

/* Digits only, at least one; what is above 2^64-1 counts as that. */
static bool parse_position(struct span digits, uint64_t *ret_position)
{
    uint64_t position = 0;
    bool is_beyond = false;
    if (digits.size == 0)
        return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        is_beyond = is_beyond || __builtin_mul_overflow(position, 10, &position) ||
                    __builtin_add_overflow(position, (uint64_t)(digits.data[i] - '0'), &position);
    }
    *ret_position = is_beyond ? UINT64_MAX : position;
    return true;
}

/* "-n": the last n bytes, of which an empty object has none, as asked (statement 354). */
static enum range_verdict resolve_suffix(struct span digits, uint64_t total, uint64_t *ret_first, uint64_t *ret_size)
{
    uint64_t wanted;
    if (!parse_position(digits, &wanted))
        return RANGE_WHOLE;
    if (wanted == 0)
        return RANGE_UNSATISFIABLE;
    if (total == 0)
        return RANGE_WHOLE;
    *ret_size = wanted < total ? wanted : total;
    *ret_first = total - *ret_size;
    return RANGE_PART;
}

enum range_verdict range_resolve(struct span header, uint64_t total, uint64_t *ret_first, uint64_t *ret_size)
{
    struct span unit = SPAN("bytes=");
    if (header.size <= unit.size || !span_equal_ignore_case(span_take(header, unit.size), unit))
        return RANGE_WHOLE;
    struct span range = span_skip(header, unit.size);
    size_t dash = span_find(range, '-');
    if (dash == SIZE_MAX)
        return RANGE_WHOLE;
    struct span before = span_take(range, dash);
    struct span behind = span_skip(range, dash + 1);
    if (before.size == 0)
        return resolve_suffix(behind, total, ret_first, ret_size);

    uint64_t first;
    uint64_t last = UINT64_MAX;
    if (!parse_position(before, &first) || (behind.size > 0 && !parse_position(behind, &last)) || last < first)
        return RANGE_WHOLE;
    if (first >= total)
        return RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_size = (last < total ? last + 1 : total) - first;
    return RANGE_PART;
}

void range_expect(struct span header, struct open_intent *intent)
{
    uint64_t first;
    uint64_t size;
    if (range_resolve(header, UINT64_MAX, &first, &size) != RANGE_PART)
        return;
    bool is_suffix = header.data[sizeof "bytes=" - 1] == '-';
    intent->extent = is_suffix ? OPEN_SUFFIX : OPEN_RANGE;
    intent->first = is_suffix ? 0 : first;
    intent->size = size;
}

void range_format(uint64_t first, uint64_t size, uint64_t total, char ret_text[CONTENT_RANGE_BYTES])
{
    if (size == 0)
        (void)snprintf(ret_text, CONTENT_RANGE_BYTES, "bytes */%" PRIu64, total);
    else
        (void)snprintf(ret_text, CONTENT_RANGE_BYTES, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, first + size - 1,
                       total);
}
