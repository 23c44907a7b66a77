/* server/object/class_levels.h -- how hard objects of a storage class are packed, and where a backend keeps them:
 * --class.
 *
 * NAME=zstd:LEVEL, with commas between several; backend:CLASS behind one says in which class the backend is to have
 * such objects. What is not named is packed as --zstd-level says, STANDARD always. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "store/storage_class.h"

struct class_levels {
    int levels[STORAGE_CLASSES_MAX]; /* 1 to 19; of those in `places` */
    struct class_places places;
};

/* ERROR_INVALID: the sentence says what is wrong, and names the option. An empty text names no class. */
bool class_levels_parse(struct span text, struct class_levels *ret_levels, struct error *error);
/* 0: the class has no level of its own. `levels` may be NULL. */
int class_levels_find(const struct class_levels *levels, struct span name);
/* The greatest; 0: there is none. */
int class_levels_most(const struct class_levels *levels);
/* Is the backend to have objects in classes of its own? */
bool class_levels_have_places(const struct class_levels *levels);
