/* codec/codec.c -- the table of codecs. */
#include "codec/codec.h"

#include "runtime/base/assert.h"

#include <inttypes.h>

static const struct codec codecs[CODECS_COUNT] = {
    {CODEC_PASSTHROUGH, "passthrough", true, true},           {CODEC_ZSTD, "cpu-zstd", true, true},
    {CODEC_NVCOMP_ZSTD, "nvcomp-zstd", false, true},          {CODEC_NVCOMP_BITCOMP, "nvcomp-bitcomp", false, false},
    {CODEC_NVCOMP_GANS, "nvcomp-gans", false, false},         {CODEC_DIETGPU_ANS, "dietgpu-ans", false, false},
    {CODEC_NVCOMP_GDEFLATE, "nvcomp-gdeflate", false, true},  {CODEC_GZIP, "cpu-gzip", true, true},
    {CODEC_ZSTD_DICTIONARY, "cpu-zstd-dict", true, true},     {CODEC_COLUMNS, "columns", true, true},
    {CODEC_DICTIONARY_BLOCK, "dictionary-block", true, true},
};

const struct codec *codec_at(unsigned place)
{
    ASSERT(place < CODECS_COUNT);
    return &codecs[place];
}

unsigned codec_place(uint32_t id)
{
    unsigned place = 0;
    while (place < CODECS_COUNT && codecs[place].id != id)
        place++;
    return place;
}

const struct codec *codec_find(uint32_t id)
{
    unsigned place = codec_place(id);
    return place < CODECS_COUNT ? &codecs[place] : NULL;
}

const struct codec *codec_find_name(struct span name)
{
    for (unsigned i = 0; i < CODECS_COUNT; i++)
        if (span_equal(name, span_from_string(codecs[i].name)))
            return &codecs[i];
    return NULL;
}

bool codec_refuse(uint32_t id, struct error *error)
{
    const struct codec *codec = codec_find(id);
    if (codec == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "The stored data are in codec %" PRIu32 " (0x%08" PRIx32
                         "), which this version of Bale does not know. A newer one may read them.",
                         id, id);
    return error_set(error, ERROR_UNSUPPORTED, NULL,
                     "The stored data were compressed with %s, which only %s library can read; have S4 with a GPU "
                     "rewrite the object.",
                     codec->name, id == CODEC_DIETGPU_ANS ? "a GPU's" : "NVIDIA's");
}
