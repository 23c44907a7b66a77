/* codec/measure/spectrum.c -- differences of bytes at each distance, in classes, at four places. */
#include "codec/measure/spectrum.h"

#include <stdint.h>

#ifdef CODEC_SSE2
#include <emmintrin.h>
#endif

enum {
    PLACES = 4,
    PLACE_BYTES = 512,
    GLIMPSE_BYTES = 128, /* of each place: what shows nothing here is not asked for the rest */
    GLIMPSE_QUALITY_MAX = 975,
    PLACE_SPAN = PLACE_BYTES + SPECTRUM_STRIDE_MAX, /* with what lies one distance before */
    QUALITY_MAX = 920, /* executables' code and JSON lie above with a stride, noise far above */
    QUALITY_WITH_PLAN_MAX = 950,
    NEAR_LEAST_PERCENT = 3, /* multiples of the stride are as good as it: the smallest is meant */
    MOVED_PERCENT = 5,
    TEXT_PERCENT = 95,
    COUNTED_BYTES = 192, /* a byte can count them */
    LINES_SEEN = 6,
    LINE_STRIDE_MAX = 255,
};
_Static_assert(COUNTED_BYTES <= UINT8_MAX && PLACE_SPAN % COUNTED_BYTES == 0, "whole places are counted");
_Static_assert(SPECTRUM_BYTES_LEAST >= PLACES * PLACE_SPAN, "places lie side by side");

/* Classes of a difference: 0, 1-2, 3-8, 9-26, more. */
static const uint8_t CLASS_LEAST[4] = {1, 3, 9, 27};

/* The sum of classes over `size` bytes, sixteens of them. `bytes` has a whole distance before it. */
#ifdef CODEC_SSE2
static unsigned differences_at(const uint8_t *bytes, unsigned size, unsigned distance)
{
    const __m128i least_1 = _mm_set1_epi8((char)CLASS_LEAST[0]);
    const __m128i least_2 = _mm_set1_epi8((char)CLASS_LEAST[1]);
    const __m128i least_3 = _mm_set1_epi8((char)CLASS_LEAST[2]);
    const __m128i least_4 = _mm_set1_epi8((char)CLASS_LEAST[3]);
    __m128i sum = _mm_setzero_si128(); /* of -1 for each class reached; at most 4 * 32 in a byte */
    for (unsigned i = 0; i < size; i += 16) {
        __m128i now = _mm_loadu_si128((const __m128i *)(bytes + i));
        __m128i before = _mm_loadu_si128((const __m128i *)(bytes + i - distance));
        __m128i difference = _mm_or_si128(_mm_subs_epu8(now, before), _mm_subs_epu8(before, now));
        sum = _mm_add_epi8(sum, _mm_cmpeq_epi8(_mm_max_epu8(difference, least_1), difference));
        sum = _mm_add_epi8(sum, _mm_cmpeq_epi8(_mm_max_epu8(difference, least_2), difference));
        sum = _mm_add_epi8(sum, _mm_cmpeq_epi8(_mm_max_epu8(difference, least_3), difference));
        sum = _mm_add_epi8(sum, _mm_cmpeq_epi8(_mm_max_epu8(difference, least_4), difference));
    }
    __m128i sums = _mm_sad_epu8(_mm_sub_epi8(_mm_setzero_si128(), sum), _mm_setzero_si128());
    return (unsigned)(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
}
_Static_assert(PLACE_BYTES / 16 * 4 <= 255, "sums of classes fit into bytes");
#else
static unsigned differences_at(const uint8_t *bytes, unsigned size, unsigned distance)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < size; i++) {
        unsigned now = bytes[i];
        unsigned before = bytes[(ptrdiff_t)i - (ptrdiff_t)distance];
        unsigned difference = now > before ? now - before : before - now;
        for (unsigned class = 0; class < 4; class ++)
            sum += difference >= CLASS_LEAST[class];
    }
    return sum;
}
#endif

/* Where a place begins; PLACE_SPAN bytes of it lie inside. */
static const uint8_t *place_of(struct span bytes, unsigned place)
{
    return bytes.data + (bytes.size - PLACE_SPAN) / (PLACES - 1) * place;
}

/* The one in the middle of 64. */
static unsigned median_of(const unsigned sums[SPECTRUM_STRIDE_MAX])
{
    unsigned sorted[SPECTRUM_STRIDE_MAX];
    for (unsigned i = 0; i < SPECTRUM_STRIDE_MAX; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] > sums[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = sums[i];
    }
    return sorted[SPECTRUM_STRIDE_MAX / 2];
}

/* Adds what lies from `from` to `to` in each place. */
static void add_differences(struct span bytes, unsigned from, unsigned to, unsigned sums[SPECTRUM_STRIDE_MAX])
{
    for (unsigned i = 0; i < SPECTRUM_STRIDE_MAX; i++)
        for (unsigned place = 0; place < PLACES; place++)
            sums[i] += differences_at(place_of(bytes, place) + SPECTRUM_STRIDE_MAX + from, to - from, i + 1);
}

static unsigned least_of(const unsigned sums[SPECTRUM_STRIDE_MAX])
{
    unsigned least = sums[0];
    for (unsigned i = 1; i < SPECTRUM_STRIDE_MAX; i++)
        least = sums[i] < least ? sums[i] : least;
    return least;
}

static unsigned quality_of(const unsigned sums[SPECTRUM_STRIDE_MAX])
{
    unsigned median = median_of(sums);
    return median == 0 ? SPECTRUM_QUALITY_NONE : (unsigned)((uint64_t)least_of(sums) * SPECTRUM_QUALITY_NONE / median);
}

struct spectrum spectrum_of(struct span bytes)
{
    unsigned sums[SPECTRUM_STRIDE_MAX] = {0};
    if (bytes.size < SPECTRUM_BYTES_LEAST)
        return (struct spectrum){0, SPECTRUM_QUALITY_NONE};
    add_differences(bytes, 0, GLIMPSE_BYTES, sums);
    if (quality_of(sums) > GLIMPSE_QUALITY_MAX)
        return (struct spectrum){1, SPECTRUM_QUALITY_NONE};
    add_differences(bytes, GLIMPSE_BYTES, PLACE_BYTES, sums);
    unsigned least = least_of(sums);
    unsigned stride = 1;
    while (sums[stride - 1] * 100 > least * (100 + NEAR_LEAST_PERCENT))
        stride++;
    return (struct spectrum){stride, quality_of(sums)};
}

bool spectrum_is_numeric(struct spectrum spectrum, bool has_plan)
{
    return spectrum.stride > 1 && spectrum.quality <= (has_plan ? QUALITY_WITH_PLAN_MAX : QUALITY_MAX);
}

bool spectrum_has_moved(struct spectrum before, struct spectrum now)
{
    unsigned apart = before.quality > now.quality ? before.quality - now.quality : now.quality - before.quality;
    return before.stride != now.stride || apart * 100 > before.quality * MOVED_PERCENT;
}

/* ---- text ---- */

static bool is_printable(uint8_t byte)
{
    return (uint8_t)(byte - 0x20) < 0x7f - 0x20 || (uint8_t)(byte - '\t') <= '\r' - '\t';
}

/* In one byte, so that the compiler counts sixteen bytes at once. */
static uint8_t count_printable(const uint8_t bytes[COUNTED_BYTES])
{
    uint8_t printable = 0;
    for (unsigned i = 0; i < COUNTED_BYTES; i++)
        printable = (uint8_t)(printable + is_printable(bytes[i]));
    return printable;
}

bool spectrum_is_text(struct span bytes)
{
    unsigned printable = 0;
    if (bytes.size < SPECTRUM_BYTES_LEAST)
        return false;
    for (unsigned place = 0; place < PLACES; place++) {
        const uint8_t *at = place_of(bytes, place);
        for (unsigned i = 0; i < PLACE_SPAN; i += COUNTED_BYTES)
            printable += count_printable(at + i);
    }
    return printable * 100 >= TEXT_PERCENT * PLACES * PLACE_SPAN;
}

unsigned spectrum_line_stride(struct span bytes)
{
    size_t lengths[LINES_SEEN];
    size_t from = bytes.size / 2; /* away from a head */
    for (unsigned i = 0; i < LINES_SEEN + 1; i++) {
        struct span rest = span_take(span_skip(bytes, from), LINE_STRIDE_MAX + 1);
        size_t newline = span_find(rest, '\n');
        if (newline == SIZE_MAX)
            return 0;
        if (i > 0)
            lengths[i - 1] = newline + 1;
        from += newline + 1;
    }
    for (unsigned i = 2; i < LINES_SEEN; i++)
        if (lengths[i] != lengths[i - 2])
            return 0;
    size_t stride = lengths[0] == lengths[1] ? lengths[0] : lengths[0] + lengths[1];
    return lengths[0] > 1 && lengths[1] > 1 && stride <= LINE_STRIDE_MAX ? (unsigned)stride : 0;
}
