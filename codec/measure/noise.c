/* codec/measure/noise.c -- the entropy of four windows, and places that are known again. */
#include "codec/measure/noise.h"

#include "codec/measure/histogram.h"
#include "runtime/base/byteorder.h"

#include <assert.h>
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

/* A tenth of the bytes or less has its highest bit: which ones do takes 0.47 bits a byte to say, and what the others
 * are takes 7 at most, so it is no noise. Text is told so without counting its bytes. */
static bool has_few_high_bits(struct span window)
{
    static_assert(NOISE_WINDOW_BYTES / sizeof(uint64_t) < 256, "a byte counts those of its column");
    uint64_t columns = 0;
    for (size_t i = 0; i < NOISE_WINDOW_BYTES; i += sizeof columns)
        columns += load_u64_le(window.data + i) >> 7 & UINT64_C(0x0101010101010101);
    /* Pairs first, for the sum of eight may be more than a byte holds. */
    uint64_t pairs = (columns & UINT64_C(0x00ff00ff00ff00ff)) + (columns >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return pairs * UINT64_C(0x0001000100010001) >> 48 <= NOISE_WINDOW_BYTES / 10;
}

/* One window with little is enough; all of them together have no less than on average. */
static bool has_few_bits(struct span frame, struct histogram *ret_together)
{
    for (unsigned i = 0; i < NOISE_WINDOWS; i++)
        if (has_few_high_bits(window(frame, i)))
            return true;
    for (unsigned i = 0; i < NOISE_WINDOWS; i++) {
        struct histogram histogram = {0};
        histogram_add(&histogram, window(frame, i));
        if (histogram_entropy(&histogram) < BITS_OF_NOISE)
            return true;
        histogram_merge(ret_together, &histogram);
    }
    return false;
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

static bool has_windows(struct span frame)
{
    return frame.size >= (size_t)NOISE_WINDOWS * NOISE_WINDOW_BYTES;
}

enum noise_verdict noise_look(struct span frame)
{
    struct histogram together = {0};
    if (!has_windows(frame) || has_few_bits(frame, &together) || repeats_itself(frame))
        return NOISE_NONE;
    return histogram_entropy(&together) >= BITS_OF_SURE_NOISE ? NOISE_SURE : NOISE_MAYBE;
}

double noise_entropy(struct span frame)
{
    struct histogram histogram = {0};
    if (!has_windows(frame))
        return 8;
    for (unsigned i = 0; i < NOISE_WINDOWS; i++)
        histogram_add(&histogram, window(frame, i));
    return histogram_entropy(&histogram);
}

double noise_entropy_roughly(struct span frame)
{
    enum { PIECE_BYTES = NOISE_WINDOW_BYTES / 8 };
    uint8_t pieces[NOISE_WINDOWS * PIECE_BYTES]; /* one behind the other: each call for few bytes costs 256 counters */
    struct histogram histogram = {0};
    if (!has_windows(frame))
        return 8;
    for (unsigned i = 0; i < NOISE_WINDOWS; i++)
        memcpy(pieces + (size_t)i * PIECE_BYTES, window(frame, i).data, PIECE_BYTES);
    histogram_add(&histogram, span_of(pieces, sizeof pieces));
    return histogram_entropy(&histogram);
}
