/* tools/bale/view/bytes_text.c -- the largest unit of which there is one. */
#include "tools/bale/view/bytes_text.h"

#include <stdio.h>

void bytes_text(double bytes, char ret_text[BYTES_TEXT_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    for (; bytes >= 1024 && unit < 6; unit++)
        bytes /= 1024;
    (void)snprintf(ret_text, BYTES_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
}
