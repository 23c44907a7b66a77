/* tools/bale/view/printable.h -- keys and prefixes on a terminal: whatever bytes they have, a line stays one line. */
#pragma once

#include "runtime/base/span.h"

#include <stdio.h>

/* Control characters as \xNN, a backslash doubled. */
void printable_write(FILE *to, struct span text);
/* To standard output. */
void printable_print(const char *text);
/* As one word of a POSIX shell: as it is where that has no meaning to one, else in single quotes. */
void printable_print_for_shell(struct span text);
