/* bench/figures/hdr_histogram.c -- which bucket a value is in, and the bytes that HdrHistogram's own tools read. */
#include "bench/figures/hdr_histogram.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <stdlib.h>
#include <string.h>

enum {
    HALF = HDR_HISTOGRAM_SUB_BUCKETS / 2,
    HALF_BITS = 10,
    COOKIE = 0x1c849303 | 0x10, /* V2, in words of any length */
    COOKIE_COMPRESSED = 0x1c849304 | 0x10,
    HEAD_BYTES = 40,
    STORED_BLOCK_MAX = 65535,
};

struct hdr_histogram *hdr_histogram_create(void)
{
    struct hdr_histogram *histogram = malloc(sizeof *histogram);
    ASSERT(histogram != NULL);
    hdr_histogram_clear(histogram);
    return histogram;
}

void hdr_histogram_free(struct hdr_histogram *histogram)
{
    free(histogram);
}

void hdr_histogram_clear(struct hdr_histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->least = UINT64_MAX;
}

/* ---- buckets: the first has 2048 steps of 1, each further one 1024 steps that are twice as wide ---- */

static unsigned bucket_of(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | (HDR_HISTOGRAM_SUB_BUCKETS - 1));
    return bits - (HALF_BITS + 1);
}

static unsigned index_of(uint64_t value)
{
    unsigned bucket = bucket_of(value);
    unsigned step = (unsigned)(value >> bucket);
    return ((bucket + 1) << HALF_BITS) + step - HALF;
}

static uint64_t middle_of(unsigned index)
{
    if (index < HDR_HISTOGRAM_SUB_BUCKETS)
        return index;
    unsigned bucket = (index >> HALF_BITS) - 1;
    uint64_t least = (uint64_t)((index & (HALF - 1)) + HALF) << bucket;
    return least + (UINT64_C(1) << bucket) / 2;
}

void hdr_histogram_record(struct hdr_histogram *histogram, uint64_t nanoseconds)
{
    uint64_t value = nanoseconds < 1                         ? 1
                     : nanoseconds > HDR_HISTOGRAM_VALUE_MAX ? HDR_HISTOGRAM_VALUE_MAX
                                                             : nanoseconds;
    histogram->counts[index_of(value)]++;
    histogram->total++;
    histogram->sum += value;
    if (value < histogram->least)
        histogram->least = value;
    if (value > histogram->most)
        histogram->most = value;
}

void hdr_histogram_add(struct hdr_histogram *histogram, const struct hdr_histogram *other)
{
    for (unsigned i = 0; i < HDR_HISTOGRAM_COUNTS; i++)
        histogram->counts[i] += other->counts[i];
    histogram->total += other->total;
    histogram->sum += other->sum;
    if (other->least < histogram->least)
        histogram->least = other->least;
    if (other->most > histogram->most)
        histogram->most = other->most;
}

uint64_t hdr_histogram_percentile(const struct hdr_histogram *histogram, double percent)
{
    if (histogram->total == 0)
        return 0;
    double exact = percent / 100 * (double)histogram->total * (1 - 1e-12); /* 99.9 % of 1000 are 999, not a hair more */
    uint64_t wanted = (uint64_t)exact + ((double)(uint64_t)exact < exact);
    if (wanted == 0)
        return histogram->least;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HDR_HISTOGRAM_COUNTS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted)
            return middle_of(i) < histogram->most ? middle_of(i) : histogram->most;
    }
    return histogram->most;
}

double hdr_histogram_mean(const struct hdr_histogram *histogram)
{
    return histogram->total == 0 ? 0 : (double)histogram->sum / (double)histogram->total;
}

/* ---- the encoding ---- */

static void append_big32(struct buffer *to, uint32_t value)
{
    uint8_t bytes[4];
    store_u32_be(bytes, value);
    buffer_append(to, span_of(bytes, sizeof bytes));
}

static void append_big64(struct buffer *to, uint64_t value)
{
    uint8_t bytes[8];
    store_u64_be(bytes, value);
    buffer_append(to, span_of(bytes, sizeof bytes));
}

/* Signed numbers as unsigned ones that are small when these are near 0; then seven bits in a byte, of which the ninth
 * has eight (HdrHistogram's own end of LEB128). */
static void append_zigzag(struct buffer *to, int64_t value)
{
    uint64_t left = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (unsigned i = 0; i < 8 && left >= 0x80; i++) {
        buffer_append_byte(to, (uint8_t)(left | 0x80));
        left >>= 7;
    }
    buffer_append_byte(to, (uint8_t)left);
}

/* Counts up to the last that is not 0; a run of zeros is one negative number. */
static void append_counts(struct buffer *to, const struct hdr_histogram *histogram)
{
    unsigned end = histogram->total == 0 ? 0 : index_of(histogram->most) + 1;
    for (unsigned i = 0; i < end;) {
        unsigned zeros = 0;
        while (i + zeros < end && histogram->counts[i + zeros] == 0)
            zeros++;
        append_zigzag(to, zeros > 0 ? -(int64_t)zeros : (int64_t)histogram->counts[i]);
        i += zeros > 0 ? zeros : 1;
    }
}

static void append_payload(struct buffer *to, const struct hdr_histogram *histogram)
{
    struct buffer counts;
    uint64_t ratio_bits;
    const double ratio = 1;
    memcpy(&ratio_bits, &ratio, sizeof ratio_bits);
    buffer_init(&counts, 0);
    append_counts(&counts, histogram);
    append_big32(to, COOKIE);
    append_big32(to, (uint32_t)counts.size);
    append_big32(to, 0); /* normalizing index offset */
    append_big32(to, HDR_HISTOGRAM_DIGITS);
    append_big64(to, 1); /* lowest value that is told from 0 */
    append_big64(to, HDR_HISTOGRAM_VALUE_MAX);
    append_big64(to, ratio_bits); /* of integers to doubles */
    buffer_append(to, buffer_span(&counts));
    buffer_free(&counts);
}

static uint32_t adler32(struct span bytes)
{
    uint32_t a = 1;
    uint32_t b = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        a = (a + bytes.data[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* A zlib stream (RFC 1950) of blocks that are not compressed (RFC 1951, section 3.2.4). */
static void append_zlib(struct buffer *to, struct span bytes)
{
    struct span rest = bytes;
    buffer_append(to, SPAN("\x78\x01"));
    do {
        struct span block = span_take(rest, STORED_BLOCK_MAX);
        rest = span_skip(rest, block.size);
        const uint8_t head[5] = {rest.size == 0, (uint8_t)block.size, (uint8_t)(block.size >> 8), (uint8_t)~block.size,
                                 (uint8_t)(~block.size >> 8)};
        buffer_append(to, span_of(head, sizeof head));
        buffer_append(to, block);
    } while (rest.size > 0);
    append_big32(to, adler32(bytes));
}

void hdr_histogram_encode(const struct hdr_histogram *histogram, struct buffer *to)
{
    struct buffer payload;
    struct buffer stream;
    buffer_init(&payload, 0);
    buffer_init(&stream, 0);
    append_payload(&payload, histogram);
    ASSERT(payload.size >= HEAD_BYTES);
    append_zlib(&stream, buffer_span(&payload));
    append_big32(to, COOKIE_COMPRESSED);
    append_big32(to, (uint32_t)stream.size);
    buffer_append(to, buffer_span(&stream));
    buffer_free(&payload);
    buffer_free(&stream);
}
