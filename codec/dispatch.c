/* codec/dispatch.c -- the sampling dispatcher: known magic numbers and entropy say what will not shrink. */
#include "codec/dispatch.h"

#include "codec/codec.h"

#include <math.h>

static const double ENTROPY_BITS_LEAST = 7.5; /* from here on the bytes are taken for compressed or encrypted */
enum {
    MAGIC_SKIPPED_BYTES = 16,   /* a container's head, not its content */
    MAGIC_SAMPLE_LEAST = 48,    /* with a known magic, more than this is needed to judge */
    UNKNOWN_SAMPLE_LEAST = 128, /* without one */
};

struct magic {
    size_t offset;
    struct span bytes;
};

static const struct magic magics[] = {
    {0, {(const uint8_t *)"\x1f\x8b", 2}},                /* gzip */
    {0, {(const uint8_t *)"\x28\xb5\x2f\xfd", 4}},        /* zstd */
    {0, {(const uint8_t *)"\x89PNG\x0d\x0a\x1a\x0a", 8}}, /* PNG */
    {0, {(const uint8_t *)"\xff\xd8\xff", 3}},            /* JPEG */
    {0, {(const uint8_t *)"%PDF-", 5}},                   /* PDF */
    {0, {(const uint8_t *)"PK\x03\x04", 4}},              /* ZIP */
    {0, {(const uint8_t *)"7z\xbc\xaf\x27\x1c", 6}},      /* 7-Zip */
    {0, {(const uint8_t *)"\xfd\x37zXZ\x00", 6}},         /* xz */
    {0, {(const uint8_t *)"BZh", 3}},                     /* bzip2 */
    {4, {(const uint8_t *)"ftyp", 4}},                    /* MP4 and its family */
    {0, {(const uint8_t *)"\x1a\x45\xdf\xa3", 4}},        /* Matroska, WebM */
};

static bool begins_with_magic(struct span sample)
{
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (sample.size >= magics[i].offset && span_starts_with(span_skip(sample, magics[i].offset), magics[i].bytes))
            return true;
    return span_starts_with(sample, SPAN("RIFF")) && sample.size >= 12 && memcmp(sample.data + 8, "WEBP", 4) == 0;
}

double dispatch_entropy(struct span bytes)
{
    if (bytes.size == 0)
        return 0;
    /* Two histograms: equal neighbours do not wait for each other's counter. */
    uint32_t counts[2][256] = {0};
    size_t i = 0;
    for (; i + 2 <= bytes.size; i += 2) {
        counts[0][bytes.data[i]]++;
        counts[1][bytes.data[i + 1]]++;
    }
    for (; i < bytes.size; i++)
        counts[0][bytes.data[i]]++;

    double sum = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        double count = (double)counts[0][byte] + counts[1][byte];
        if (count > 0)
            sum += count * log2(count);
    }
    return log2((double)bytes.size) - sum / (double)bytes.size;
}

uint32_t dispatch_by_sample(struct span sample, uint32_t codec_default)
{
    sample = span_take(sample, DISPATCH_SAMPLE_BYTES);
    if (sample.size > MAGIC_SAMPLE_LEAST && begins_with_magic(sample) &&
        dispatch_entropy(span_skip(sample, MAGIC_SKIPPED_BYTES)) >= ENTROPY_BITS_LEAST)
        return CODEC_PASSTHROUGH;
    if (sample.size < UNKNOWN_SAMPLE_LEAST)
        return codec_default;
    return dispatch_entropy(sample) >= ENTROPY_BITS_LEAST ? CODEC_PASSTHROUGH : codec_default;
}
