/* bench/job/keys.c -- one format for each shape. */
#include "bench/job/keys.h"

#include "bench/job/random.h"
#include "runtime/base/assert.h"

#include <stdio.h>

enum { OBJECTS_AN_HOUR = 1000, HOURS = 24, DAYS = 28, MONTHS = 12, FIRST_YEAR = 2026 };

static int format_dated(const char *prefix, uint64_t number, char ret_key[KEY_BYTES])
{
    uint64_t hour = number / OBJECTS_AN_HOUR;
    uint64_t day = hour / HOURS;
    uint64_t month = day / DAYS; /* of 28 days, all of them */
    return snprintf(ret_key, KEY_BYTES, "%s%04llu/%02u/%02u/%02u/%08llu.log", prefix,
                    (unsigned long long)(FIRST_YEAR + month / MONTHS), (unsigned)(month % MONTHS + 1),
                    (unsigned)(day % DAYS + 1), (unsigned)(hour % HOURS), (unsigned long long)number);
}

void key_format(enum key_shape shape, const char *prefix, uint64_t number, char ret_key[KEY_BYTES])
{
    uint64_t hash = random_mix(number);
    int size = 0;
    switch (shape) {
    case KEY_FLAT:
        size = snprintf(ret_key, KEY_BYTES, "%s%08llu", prefix, (unsigned long long)number);
        break;
    case KEY_DATED:
        size = format_dated(prefix, number, ret_key);
        break;
    case KEY_HASHED:
        size = snprintf(ret_key, KEY_BYTES, "%s%08x-%08llu", prefix, (unsigned)hash, (unsigned long long)number);
        break;
    case KEY_DEEP:
        size = snprintf(ret_key, KEY_BYTES, "%s%x/%x/%x/%x/%08llu", prefix, (unsigned)(hash & 15),
                        (unsigned)(hash >> 4 & 15), (unsigned)(hash >> 8 & 15), (unsigned)(hash >> 12 & 15),
                        (unsigned long long)number);
        break;
    }
    ASSERT(size > 0 && size < KEY_BYTES);
}
