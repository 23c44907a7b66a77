/* tools/bale/view/printable.h -- keys and prefixes on a terminal: whatever bytes they have, a line stays one line. */
#pragma once

#include "runtime/base/span.h"

#include <stdio.h>

/* Control characters (of ASCII, and U+0080 to U+009F) and what is no UTF-8 as \xNN for each byte, a backslash doubled.
 */
void printable_write(FILE *to, struct span text);
/* To standard output. */
void printable_print(const char *text);
/* As one word of a POSIX shell: as it is where that has no meaning to one, else in single quotes. */
void printable_print_for_shell(struct span text);
