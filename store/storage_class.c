/* store/storage_class.c -- a table of storage classes, and where those of clients go. */
#include "store/storage_class.h"

enum { SMALL_BYTES = 128 << 10, DAY_MS = 24 * 3600 * 1000 };

static const struct storage_class classes[STORAGE_CLASSES_MAX] = {
    {"REDUCED_REDUNDANCY", true, 0, 0},
    {"STANDARD_IA", true, SMALL_BYTES, 30},
    {"ONEZONE_IA", true, SMALL_BYTES, 30},
    {"INTELLIGENT_TIERING", true, 0, 0},
    {"GLACIER_IR", true, SMALL_BYTES, 90},
    {"GLACIER", false, 0, 90},
    {"DEEP_ARCHIVE", false, 0, 180},
    {"OUTPOSTS", false, 0, 0},
    {"SNOW", false, 0, 0},
    {"EXPRESS_ONEZONE", false, 0, 0},
};

const struct storage_class *storage_class_find(struct span name)
{
    for (unsigned i = 0; i < STORAGE_CLASSES_MAX; i++) {
        if (span_equal(name, span_from_string(classes[i].name)))
            return &classes[i];
    }
    return NULL;
}

uint8_t storage_class_number(struct span name)
{
    const struct storage_class *class = storage_class_find(name);
    if (class != NULL)
        return (uint8_t)(class - classes + 1);
    return name.size == 0 || span_equal(name, SPAN("STANDARD")) ? 0 : STORAGE_CLASS_UNKNOWN;
}

const struct storage_class *storage_class_of(uint8_t number)
{
    return number > 0 && number <= STORAGE_CLASSES_MAX ? &classes[number - 1] : NULL;
}

bool storage_class_is_archive(uint8_t number)
{
    const struct storage_class *class = storage_class_of(number);
    return number != 0 && (class == NULL || !class->can_hold);
}

bool storage_class_binds(uint8_t number, uint32_t since_s, int64_t now_ms)
{
    const struct storage_class *class = storage_class_of(number);
    return class != NULL && class->least_days > 0 &&
           now_ms - (int64_t)since_s * 1000 < (int64_t) class->least_days * DAY_MS;
}

bool class_places_find(const struct class_places *places, struct span name, const struct storage_class **ret_place)
{
    for (unsigned i = 0; places != NULL && i < places->count; i++) {
        if (span_equal(name, span_from_string(places->entries[i].class->name))) {
            *ret_place = places->entries[i].place;
            return true;
        }
    }
    return false;
}
