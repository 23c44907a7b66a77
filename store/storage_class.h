/* store/storage_class.h -- the storage classes that S3 has beside STANDARD: which of them hold what can be read at
 * once, and what a backend bills for an object in one at least (AWS's rules; docs/lifecycle.md).
 *
 * A class is a name first: clients see it, and rules change it. Where a backend keeps classes itself, an object can be
 * placed in one of them as well, which need not have the same name. Pure. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STORAGE_CLASS_BYTES = 24, /* the longest name, and a zero */
    STORAGE_CLASSES_MAX = 10, /* beside STANDARD */
    STORAGE_CLASS_UNKNOWN = 255,
};

struct storage_class {
    const char *name;
    bool can_hold;        /* objects in it are read like others; else they must be fetched from an archive before, or
                             lie in buckets of another kind */
    uint64_t least_bytes; /* what is smaller is billed as this; 0: as large as it is */
    unsigned least_days;  /* what goes earlier is billed for so long */
};

/* NULL: S3 has none of that name, or it is STANDARD. */
const struct storage_class *storage_class_find(struct span name);
/* A class as one byte: 0 is STANDARD, or nothing, STORAGE_CLASS_UNKNOWN what S3 has none of. */
uint8_t storage_class_number(struct span name);
/* NULL: of STANDARD, and of one that is not known. */
const struct storage_class *storage_class_of(uint8_t number);
/* Does a backend that has an object in this class keep it where it cannot be read, as far as is known? */
bool storage_class_is_archive(uint8_t number);

/* Would a backend that has had an object in this class since then bill it still, were it replaced now? */
bool storage_class_binds(uint8_t number, uint32_t since_s, int64_t now_ms);

/* Where objects of a class are placed in the backend. */
struct class_places {
    struct {
        const struct storage_class *class; /* that clients see */
        const struct storage_class *place; /* that the backend is told; NULL: none, the class is a name alone */
    } entries[STORAGE_CLASSES_MAX];
    unsigned count;
};

/* False: nothing is said of the class. `places` may be NULL. */
bool class_places_find(const struct class_places *places, struct span name, const struct storage_class **ret_place);
