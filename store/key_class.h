/* store/key_class.h -- kinds of keys that some S3 servers cannot keep under their own name.
 *
 * S3 takes any key. Servers that keep objects as files do not: "/x" becomes "x", "d/../e" becomes "e", and what was
 * asked for is answered with another object. Which kinds a store refuses is in its capabilities. Pure. */
#pragma once

#include "runtime/base/span.h"

enum key_class {
    KEY_LEADING_SLASH = 1 << 0,
    KEY_EMPTY_SEGMENT = 1 << 1, /* "a//b" */
    KEY_DOT_SEGMENT = 1 << 2,   /* "." or ".." between slashes */
    KEY_CONTROL_BYTES = 1 << 3, /* below 0x20, and 0x7f */
    KEY_LONG_SEGMENT = 1 << 4,  /* more than KEY_SEGMENT_BYTES between slashes */
    KEY_TRAILING_SLASH = 1 << 5,
};

enum { KEY_SEGMENT_BYTES = 255 };

/* All that the key is of, several together; 0: every server can keep it. */
unsigned key_classes(struct span key);
/* What is wrong with it, for a sentence: of the first of `classes`, which are not 0. */
const char *key_class_text(unsigned classes);
