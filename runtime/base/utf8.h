/* runtime/base/utf8.h -- is text UTF-8, and where does a character end (RFC 3629)? */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>

/* All of it; true of an empty text. */
bool utf8_is_valid(struct span text);
/* Bytes of the character that the text begins with (1 to 4); 0 when it is not valid UTF-8, or the text is empty. */
size_t utf8_sequence_bytes(struct span text);
