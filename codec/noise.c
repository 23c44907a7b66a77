/* codec/noise.c -- the entropy of four windows. */
#include "codec/noise.h"

#include "codec/histogram.h"

static const double BITS_OF_NOISE = 7.5; /* 1 KiB of the best noise has 7.8 */
static const double BITS_OF_SURE_NOISE = 7.9;

/* In the middle of each quarter: the head of a file, with its tables and its preview, speaks for the least of it. */
static struct span window(struct span frame, unsigned index)
{
    size_t middle = frame.size / NOISE_WINDOWS * index + frame.size / NOISE_WINDOWS / 2;
    return span_take(span_skip(frame, middle - NOISE_WINDOW_BYTES / 2), NOISE_WINDOW_BYTES);
}

struct noise_look noise_look(struct span frame)
{
    struct histogram together = {0};
    double least = 8;
    if (frame.size < (size_t)NOISE_WINDOWS * NOISE_WINDOW_BYTES)
        return (struct noise_look){NOISE_NONE, 8};
    for (unsigned i = 0; i < NOISE_WINDOWS; i++) {
        struct histogram histogram = {0};
        histogram_add(&histogram, window(frame, i));
        histogram_add(&together, window(frame, i));
        double entropy = histogram_entropy(&histogram);
        least = entropy < least ? entropy : least;
    }
    double entropy = histogram_entropy(&together);
    bool is_sure = least >= BITS_OF_NOISE && entropy >= BITS_OF_SURE_NOISE;
    return (struct noise_look){is_sure ? NOISE_SURE : least >= BITS_OF_NOISE ? NOISE_MAYBE : NOISE_NONE, entropy};
}
