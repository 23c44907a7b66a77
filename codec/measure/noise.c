/* codec/measure/noise.c -- the entropy of four windows, and places that are known again. */
#include "codec/measure/noise.h"

#include "codec/measure/histogram.h"
#include "runtime/base/byteorder.h"

#include <stdbool.h>
#include <string.h>

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

/* Noise that comes again has as many bits wherever one looks. But there the same bytes follow the same byte: what
 * follows a `mark`, one place in 256, is hashed, and an eighth of the hashes is looked up among those before. */
static bool repeats_itself(struct span frame)
{
    enum { PLACES_LOG = 9, CHOSEN_LOG = 3, KNOWN_BYTES = 32, MARKS_MAX = 16 << 10, REPEATS_SHARE = 16 };
    uint32_t places[1 << PLACES_LOG] = {0}; /* behind a mark, by hash; 0: none */
    uint8_t mark = frame.data[frame.size / 2];
    unsigned chosen = 0;
    unsigned repeats = 0;
    const uint8_t *end = frame.data + frame.size - KNOWN_BYTES;
    const uint8_t *at = frame.data;
    for (unsigned marks = 0; marks < MARKS_MAX && at < end; marks++) {
        at = memchr(at, mark, (size_t)(end - at));
        if (at == NULL)
            break;
        uint64_t hash = load_u64_le(++at) * UINT64_C(0x9e3779b97f4a7c15);
        if (hash >> (64 - CHOSEN_LOG) != 0)
            continue;
        uint32_t *place = &places[hash >> (64 - CHOSEN_LOG - PLACES_LOG)];
        repeats += *place != 0 && memcmp(frame.data + *place, at, KNOWN_BYTES) == 0;
        *place = (uint32_t)(at - frame.data);
        chosen++;
    }
    return repeats > chosen / REPEATS_SHARE;
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
    if (repeats_itself(frame))
        return (struct noise_look){NOISE_NONE, entropy};
    return (struct noise_look){entropy >= BITS_OF_SURE_NOISE ? NOISE_SURE : NOISE_MAYBE, entropy};
}
