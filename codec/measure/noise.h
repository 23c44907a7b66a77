/* codec/measure/noise.h -- will it shrink? What four small windows of a frame say, before a compressor is asked.
 *
 * Pictures, archives and encrypted bytes have nearly eight bits of entropy a byte wherever one looks; what has less in
 * one window only may shrink there, and so may what repeats itself. No magic number is asked: a container says nothing
 * of what is in it. */
#pragma once

#include "runtime/base/span.h"

enum {
    NOISE_WINDOWS = 4,
    NOISE_WINDOW_BYTES = 1024,
};

enum noise_verdict {
    NOISE_NONE, /* some window has less than 7.5 bits, a sixteenth comes again, or there are too few bytes to say */
    NOISE_MAYBE,
    NOISE_SURE, /* 7.9 bits all together */
};

/* 0.1 microseconds of text, 2 at most of anything else, of noise another 100 for each MiB; none where there are too few
 * bytes. */
enum noise_verdict noise_look(struct span frame);

/* Of the windows all together, bits a byte; 8 where there are fewer bytes than they have. */
double noise_entropy(struct span frame);
/* The same from an eighth of each window: of evenly mixed bytes it is a little less, never much more. */
double noise_entropy_roughly(struct span frame);
