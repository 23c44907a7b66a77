/* codec/measure/spectrum.h -- do these bytes look like records, and how long is one?
 *
 * For each distance up to 64 it is asked how far bytes that lie so far apart differ. Where numbers lie side by side,
 * one distance stands out: the size of a record. Some 10 microseconds, a third of that where none does; it decides only
 * whether to look closer (codec/choice/columns_look.h), never how anything is coded. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>

enum {
    SPECTRUM_STRIDE_MAX = 64,
    SPECTRUM_BYTES_LEAST = 4096, /* of less there is none */
    SPECTRUM_QUALITY_NONE = 1000,
};

struct spectrum {
    unsigned stride;  /* the distance at which bytes differ least: 1...SPECTRUM_STRIDE_MAX; 0: too few bytes */
    unsigned quality; /* what they differ by there, in thousandths of what is usual here: 1000 is noise, or what a
                       * glimpse took for it */
};

/* Of four places of the bytes. */
struct spectrum spectrum_of(struct span bytes);

/* Is it worth a look? `has_plan`: of bytes that are coded in columns already, less is asked. */
bool spectrum_is_numeric(struct spectrum spectrum, bool has_plan);
/* Has what follows become something else? */
bool spectrum_has_moved(struct spectrum before, struct spectrum now);

/* Text: nearly all bytes of the four places are printable ASCII. */
bool spectrum_is_text(struct span bytes);
/* The distance of newlines, if lines are all equally long or alternate between two lengths (then their sum), none of
 * them empty, and it is at most 255; else 0. */
unsigned spectrum_line_stride(struct span bytes);
