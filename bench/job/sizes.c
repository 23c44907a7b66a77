/* bench/job/sizes.c -- the grammar of sizes, and drawing from it. */
#include "bench/job/sizes.h"

#include "bench/job/random.h"
#include "runtime/base/assert.h"
#include "runtime/base/checked.h"
#include "runtime/base/decimal.h"
#include "runtime/base/read_file.h"

#include <stdlib.h>

bool size_parse(struct span text, uint64_t *ret_bytes)
{
    static const char UNITS[] = "KMG";
    unsigned shift = 0;
    for (unsigned i = 0; i < sizeof UNITS - 1 && text.size > 0; i++)
        if (text.data[text.size - 1] == (uint8_t)UNITS[i])
            shift = 10 * (i + 1);
    if (shift != 0)
        text.size--;
    return decimal_parse(text, ret_bytes) && checked_multiply(*ret_bytes, UINT64_C(1) << shift, ret_bytes) &&
           *ret_bytes <= SIZE_BYTES_MAX;
}

static bool refuse(struct span text, struct error *error)
{
    return error_set(error, ERROR_INVALID, NULL,
                     "\"%.*s\" is no size: allowed is 4K, 1K-64K, 4K:80,1M:20 or @FILE, with sizes of up to 5G",
                     SPAN_FORMAT(span_take(text, 60)));
}

/* "4K" or "1K-64K" */
static bool take_range(struct span text, struct size_choice *ret_choice)
{
    size_t dash = span_find(text, '-');
    if (!size_parse(span_take(text, dash), &ret_choice->least))
        return false;
    ret_choice->most = ret_choice->least;
    return dash == SIZE_MAX ||
           (size_parse(span_skip(text, dash + 1), &ret_choice->most) && ret_choice->most >= ret_choice->least);
}

static void add(struct size_spread *spread, struct size_choice choice, uint64_t weight)
{
    ASSERT(spread->count < SIZES_MAX);
    choice.weight_until = (spread->count == 0 ? 0 : spread->choices[spread->count - 1].weight_until) + weight;
    if ((spread->count & (spread->count - 1)) == 0) { /* room for twice as many at each power of two */
        spread->choices = realloc(spread->choices, (spread->count == 0 ? 1 : spread->count * 2) * sizeof choice);
        ASSERT(spread->choices != NULL);
    }
    if (spread->count == 0 || choice.least < spread->least)
        spread->least = choice.least;
    spread->choices[spread->count++] = choice;
    if (choice.most > spread->largest)
        spread->largest = choice.most;
}

/* One of a list: a range, and its weight where there is a colon. */
static bool take_choice(struct span text, struct size_spread *spread)
{
    struct size_choice choice;
    uint64_t weight = 1;
    size_t colon = span_find(text, ':');
    if (spread->count == SIZES_MAX || !take_range(span_take(text, colon), &choice))
        return false;
    if (colon != SIZE_MAX && !decimal_parse_range(span_skip(text, colon + 1), 1, SIZE_WEIGHT_MAX, &weight))
        return false;
    add(spread, choice, weight);
    return true;
}

static bool parse_list(struct span text, struct size_spread *spread, struct error *error)
{
    for (struct span rest = text;;) {
        size_t comma = span_find(rest, ',');
        if (!take_choice(span_trim(span_take(rest, comma)), spread))
            return refuse(text, error);
        if (comma == SIZE_MAX)
            return true;
        rest = span_skip(rest, comma + 1);
    }
}

static bool parse_lines(const char *path, struct span text, struct size_spread *spread, struct error *error)
{
    unsigned number = 0;
    while (text.size > 0) {
        size_t end = span_find(text, '\n');
        struct span line = span_trim(span_take(text, end));
        text = end == SIZE_MAX ? SPAN_EMPTY : span_skip(text, end + 1);
        number++;
        if (line.size == 0 || line.data[0] == '#')
            continue;
        struct size_choice choice;
        if (!size_parse(line, &choice.least))
            return error_set(error, ERROR_INVALID, NULL, "%s:%u: this is no size of up to 5G", path, number);
        if (spread->count == SIZES_MAX)
            return error_set(error, ERROR_TOO_LARGE, NULL, "%s holds more than %d sizes", path, SIZES_MAX);
        choice.most = choice.least;
        add(spread, choice, 1);
    }
    return spread->count > 0 || error_set(error, ERROR_INVALID, NULL, "%s holds no size", path);
}

bool size_spread_parse_lines(const char *path, struct span text, struct size_spread *ret_spread, struct error *error)
{
    *ret_spread = (struct size_spread){0};
    bool good = parse_lines(path, text, ret_spread, error);
    if (!good)
        size_spread_free(ret_spread);
    return good;
}

static bool parse_file(const char *path, struct size_spread *ret_spread, struct error *error)
{
    struct buffer bytes;
    if (!read_file(path, SIZES_FILE_BYTES_MAX, &bytes, error))
        return false;
    bool good = size_spread_parse_lines(path, buffer_span(&bytes), ret_spread, error);
    buffer_free(&bytes);
    return good;
}

bool size_spread_parse(const char *text, struct size_spread *ret_spread, struct error *error)
{
    *ret_spread = (struct size_spread){0};
    if (text[0] == '@')
        return parse_file(text + 1, ret_spread, error);
    bool good = parse_list(span_from_string(text), ret_spread, error);
    if (!good)
        size_spread_free(ret_spread);
    return good;
}

void size_spread_free(struct size_spread *spread)
{
    free(spread->choices);
    *spread = (struct size_spread){0};
}

/* The first choice whose weight_until is above `at`. */
static const struct size_choice *choice_at(const struct size_spread *spread, uint64_t at)
{
    unsigned low = 0;
    unsigned high = spread->count - 1;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (at < spread->choices[middle].weight_until)
            high = middle;
        else
            low = middle + 1;
    }
    return &spread->choices[low];
}

uint64_t size_spread_draw(const struct size_spread *spread, uint64_t random)
{
    ASSERT(spread->count > 0);
    const struct size_choice *choice = choice_at(spread, random % spread->choices[spread->count - 1].weight_until);
    return choice->least + random_mix(random) % (choice->most - choice->least + 1);
}
