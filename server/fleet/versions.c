/* server/fleet/versions.c -- versions compared, number by number. */
#include "server/fleet/versions.h"

#include "runtime/base/decimal.h"

#include <string.h>

enum { NUMBERS = 3, DIGITS_MAX = 6 };

static bool read_version(struct span text, uint64_t ret_numbers[NUMBERS])
{
    for (unsigned i = 0; i < NUMBERS; i++) {
        size_t digits = 0;
        while (digits < text.size && digits < DIGITS_MAX && text.data[digits] >= '0' && text.data[digits] <= '9')
            digits++;
        if (digits == 0 || !decimal_parse_range(span_take(text, digits), 0, UINT32_MAX, &ret_numbers[i]))
            return false;
        text = span_skip(text, digits);
        if (i + 1 < NUMBERS && (text.size == 0 || text.data[0] != '.'))
            return false;
        text = span_skip(text, i + 1 < NUMBERS ? 1 : 0);
    }
    return true;
}

bool version_is_since(const char *version, const char *first)
{
    uint64_t numbers[NUMBERS], least[NUMBERS];
    if (!read_version(span_from_string(version), numbers) || !read_version(span_from_string(first), least))
        return false;
    for (unsigned i = 0; i < NUMBERS; i++) {
        if (numbers[i] != least[i])
            return numbers[i] > least[i];
    }
    return true;
}

bool fleet_has_older(const struct card_list *list, const char *first)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct seen_card *seen = &list->cards[i];
        if (card_standing(seen) == CARD_RUNS && !version_is_since(seen->card.version, first))
            return true;
    }
    return false;
}
