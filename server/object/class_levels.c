/* server/object/class_levels.c -- --class as text and as a table. */
#include "server/object/class_levels.h"

#include "runtime/base/decimal.h"

#include <string.h>

enum { LEVEL_MOST = 19 };

static const struct span of_backend = SPAN("backend:");

/* NAME=zstd:LEVEL */
static bool add_level(struct span entry, struct class_levels *levels, struct error *error)
{
    uint64_t level;
    size_t equals = span_find(entry, '=');
    struct span name = equals == SIZE_MAX ? entry : span_take(entry, equals);
    struct span profile = equals == SIZE_MAX ? SPAN_EMPTY : span_skip(entry, equals + 1);
    const struct storage_class *class = storage_class_find(name);
    if (class == NULL)
        return error_set(error, ERROR_INVALID, NULL,
                         "--class: \"%.*s\" is no storage class that has a level of its own; STANDARD has that of "
                         "--zstd-level",
                         SPAN_FORMAT(span_take(name, 40)));
    if (class_levels_find(levels, name) != 0)
        return error_set(error, ERROR_INVALID, NULL, "--class: %s is named twice", class->name);
    if (!span_starts_with(profile, SPAN("zstd:")) || !decimal_parse(span_skip(profile, 5), &level) || level < 1 ||
        level > LEVEL_MOST)
        return error_set(error, ERROR_INVALID, NULL, "--class: allowed is %s=zstd:LEVEL with a level from 1 to %d",
                         class->name, LEVEL_MOST);
    levels->levels[levels->places.count] = (int)level;
    levels->places.entries[levels->places.count++].class = class;
    return true;
}

/* backend:CLASS, of the one before it. */
static bool add_place(struct span entry, struct class_levels *levels, struct error *error)
{
    struct span name = span_skip(entry, of_backend.size);
    const struct storage_class *place = storage_class_find(name);
    if (levels->places.count == 0)
        return error_set(error, ERROR_INVALID, NULL, "--class: backend:CLASS goes behind NAME=zstd:LEVEL");
    if (levels->places.entries[levels->places.count - 1].place != NULL)
        return error_set(error, ERROR_INVALID, NULL, "--class: %s has backend:CLASS twice",
                         levels->places.entries[levels->places.count - 1].class->name);
    if (place == NULL)
        return error_set(error, ERROR_INVALID, NULL,
                         "--class: \"%.*s\" is no storage class of a backend; without backend: objects are in STANDARD",
                         SPAN_FORMAT(span_take(name, 40)));
    if (!place->can_hold)
        return error_set(error, ERROR_INVALID, NULL,
                         "--class: backend:%s: objects in that class cannot be read at once, and clients could not "
                         "have them",
                         place->name);
    levels->places.entries[levels->places.count - 1].place = place;
    return true;
}

bool class_levels_parse(struct span text, struct class_levels *ret_levels, struct error *error)
{
    *ret_levels = (struct class_levels){0};
    while (text.size > 0) {
        size_t comma = span_find(text, ',');
        struct span entry = span_take(text, comma);
        bool is_place = span_starts_with(entry, of_backend);
        if (!(is_place ? add_place(entry, ret_levels, error) : add_level(entry, ret_levels, error)))
            return false;
        if (comma != SIZE_MAX && comma + 1 == text.size)
            return error_set(error, ERROR_INVALID, NULL, "--class: nothing follows the last comma");
        text = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(text, comma + 1);
    }
    return true;
}

int class_levels_find(const struct class_levels *levels, struct span name)
{
    for (unsigned i = 0; levels != NULL && i < levels->places.count; i++) {
        if (span_equal(name, span_from_string(levels->places.entries[i].class->name)))
            return levels->levels[i];
    }
    return 0;
}

int class_levels_most(const struct class_levels *levels)
{
    int most = 0;
    for (unsigned i = 0; i < levels->places.count; i++)
        most = levels->levels[i] > most ? levels->levels[i] : most;
    return most;
}

bool class_levels_have_places(const struct class_levels *levels)
{
    for (unsigned i = 0; i < levels->places.count; i++) {
        if (levels->places.entries[i].place != NULL)
            return true;
    }
    return false;
}
