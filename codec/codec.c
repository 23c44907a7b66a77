/* codec/codec.c -- the table of codecs. */
#include "codec/codec.h"

static const struct codec codecs[] = {
    {CODEC_PASSTHROUGH, "passthrough", true, true},           {CODEC_ZSTD, "cpu-zstd", true, true},
    {CODEC_NVCOMP_ZSTD, "nvcomp-zstd", false, false},         {CODEC_NVCOMP_BITCOMP, "nvcomp-bitcomp", false, false},
    {CODEC_NVCOMP_GANS, "nvcomp-gans", false, false},         {CODEC_DIETGPU_ANS, "dietgpu-ans", false, false},
    {CODEC_NVCOMP_GDEFLATE, "nvcomp-gdeflate", false, false}, {CODEC_GZIP, "cpu-gzip", false, true},
    {CODEC_ZSTD_DICTIONARY, "cpu-zstd-dict", false, false},
};

enum { CODECS_COUNT = sizeof codecs / sizeof codecs[0] };

const struct codec *codec_find(uint32_t id)
{
    return id < CODECS_COUNT ? &codecs[id] : NULL; /* ids are the positions */
}

const struct codec *codec_find_name(struct span name)
{
    for (unsigned i = 0; i < CODECS_COUNT; i++)
        if (span_equal(name, span_from_string(codecs[i].name)))
            return &codecs[i];
    return NULL;
}
