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

struct noise_look {
    enum noise_verdict verdict;
    double entropy; /* of the windows all together, bits a byte; 8 where there are fewer bytes than they have */
};

/* About 2 microseconds, of noise another 100 for each MiB; none where there are too few bytes. */
struct noise_look noise_look(struct span frame);
