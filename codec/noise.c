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

static double entropy_of(struct span bytes)
{
    struct histogram histogram = {0};
    histogram_add(&histogram, bytes);
    return histogram_entropy(&histogram);
}

struct noise_look noise_look(struct span frame)
{
    struct histogram together = {0};
    if (frame.size < (size_t)NOISE_WINDOWS * NOISE_WINDOW_BYTES)
        return (struct noise_look){NOISE_NONE, 8};
    for (unsigned i = 0; i < NOISE_WINDOWS; i++)
        histogram_add(&together, window(frame, i));
    double entropy = histogram_entropy(&together);
    /* Together they have no less than on average: where that is little, one has little, which spares the look. */
    if (entropy < BITS_OF_NOISE)
        return (struct noise_look){NOISE_NONE, entropy};
    for (unsigned i = 0; i < NOISE_WINDOWS; i++)
        if (entropy_of(window(frame, i)) < BITS_OF_NOISE)
            return (struct noise_look){NOISE_NONE, entropy};
    return (struct noise_look){entropy >= BITS_OF_SURE_NOISE ? NOISE_SURE : NOISE_MAYBE, entropy};
}
