/* server/object/class_levels.h -- how hard objects of a storage class are packed: --class.
 *
 * NAME=zstd:LEVEL, with commas between several. What is not named is packed as --zstd-level says, STANDARD always. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

enum { CLASS_LEVELS_MAX = 10, CLASS_NAME_BYTES = 24 };

struct class_levels {
    struct {
        char name[CLASS_NAME_BYTES];
        int level; /* 1 to 19 */
    } classes[CLASS_LEVELS_MAX];
    unsigned count;
};

/* ERROR_INVALID: the sentence says what is wrong, and names the option. An empty text names no class. */
bool class_levels_parse(struct span text, struct class_levels *ret_levels, struct error *error);
/* 0: the class has no level of its own. `levels` may be NULL. */
int class_levels_find(const struct class_levels *levels, struct span name);
/* The greatest; 0: there is none. */
int class_levels_most(const struct class_levels *levels);
