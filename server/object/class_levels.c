/* server/object/class_levels.c -- --class as text and as a table. */
#include "server/object/class_levels.h"

#include "runtime/base/decimal.h"

#include <string.h>

enum { LEVEL_MOST = 19 };

static const char *const NAMES[CLASS_LEVELS_MAX] = {
    "REDUCED_REDUNDANCY", "STANDARD_IA",  "ONEZONE_IA", "GLACIER", "INTELLIGENT_TIERING",
    "OUTPOSTS",           "DEEP_ARCHIVE", "GLACIER_IR", "SNOW",    "EXPRESS_ONEZONE"};

static bool is_name(struct span name)
{
    for (unsigned i = 0; i < CLASS_LEVELS_MAX; i++) {
        if (span_equal(name, span_from_string(NAMES[i])))
            return true;
    }
    return false;
}

static bool add(struct span entry, struct class_levels *levels, struct error *error)
{
    uint64_t level;
    size_t equals = span_find(entry, '=');
    struct span name = equals == SIZE_MAX ? entry : span_take(entry, equals);
    struct span profile = equals == SIZE_MAX ? SPAN_EMPTY : span_skip(entry, equals + 1);
    if (!is_name(name))
        return error_set(error, ERROR_INVALID, NULL,
                         "--class: \"%.*s\" is no storage class that has a level of its own; STANDARD has that of "
                         "--zstd-level",
                         SPAN_FORMAT(span_take(name, 40)));
    if (class_levels_find(levels, name) != 0)
        return error_set(error, ERROR_INVALID, NULL, "--class: %.*s is named twice", SPAN_FORMAT(name));
    if (!span_starts_with(profile, SPAN("zstd:")) || !decimal_parse(span_skip(profile, 5), &level) || level < 1 ||
        level > LEVEL_MOST)
        return error_set(error, ERROR_INVALID, NULL, "--class: allowed is %.*s=zstd:LEVEL with a level from 1 to %d",
                         SPAN_FORMAT(name), LEVEL_MOST);
    memcpy(levels->classes[levels->count].name, name.data, name.size);
    levels->classes[levels->count++].level = (int)level;
    return true;
}

bool class_levels_parse(struct span text, struct class_levels *ret_levels, struct error *error)
{
    *ret_levels = (struct class_levels){0};
    while (text.size > 0) {
        size_t comma = span_find(text, ',');
        struct span entry = comma == SIZE_MAX ? text : span_take(text, comma);
        if (!add(entry, ret_levels, error))
            return false;
        if (comma != SIZE_MAX && comma + 1 == text.size)
            return error_set(error, ERROR_INVALID, NULL, "--class: nothing follows the last comma");
        text = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(text, comma + 1);
    }
    return true;
}

int class_levels_find(const struct class_levels *levels, struct span name)
{
    for (unsigned i = 0; levels != NULL && i < levels->count; i++) {
        if (span_equal(name, span_from_string(levels->classes[i].name)))
            return levels->classes[i].level;
    }
    return 0;
}

int class_levels_most(const struct class_levels *levels)
{
    int most = 0;
    for (unsigned i = 0; i < levels->count; i++)
        most = levels->classes[i].level > most ? levels->classes[i].level : most;
    return most;
}
