/* tools/bale/view/svg.h -- a picture of bars and words, as SVG: a file that every browser shows. */
#pragma once

#include "runtime/base/error.h"

#include <stdio.h>

/* NULL with a sentence. White, with the title at `title_x`. */
FILE *svg_open(const char *path, int width, int height, int title_x, const char *title, struct error *error);
/* False: not all of it could be written. The file is closed in any case. */
bool svg_close(FILE *to, const char *path, struct error *error);

void svg_bar(FILE *to, double x, int y, double width, int height, const char *colour);
/* `anchor`: start or end, which of the text stands at x. Any bytes: what would be markup is none. */
void svg_text(FILE *to, double x, int y, const char *anchor, const char *text);
