/* codec/codec.h -- the codec table: ids, names, levels, and what all codecs have in common.
 *
 * Codec ids are resolved through one table. Data in a codec that is not in it, or whose decoder is not built in, are
 * not damaged: a newer Bale or another program reads them. They are ERROR_UNSUPPORTED with a sentence that says so.
 *
 * What holds for every codec of this folder: no I/O; contexts belong to the caller and are reused; long work is done in
 * slices of about 0.5 ms at levels up to CODEC_LEVEL_INLINE_MAX, so that a fiber can yield between them. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum codec_id {
    CODEC_PASSTHROUGH = 0,
    CODEC_ZSTD = 1,
    CODEC_NVCOMP_ZSTD = 2,
    CODEC_NVCOMP_BITCOMP = 3,
    CODEC_NVCOMP_GANS = 4,
    CODEC_DIETGPU_ANS = 5,
    CODEC_NVCOMP_GDEFLATE = 6,
    CODEC_GZIP = 7,
    CODEC_ZSTD_DICTIONARY = 8,
    CODEC_COLUMNS = 0x014C4142,          /* "BAL\1": ids of Bale, far from those that S4 counts up */
    CODEC_DICTIONARY_BLOCK = 0x024C4142, /* "BAL\2": codec/dictionary/block.h */
    CODEC_SEALED = 0x034C4142,           /* "BAL\3": codec/seal/sealed_frame.h. Not in the table: what is compressed in
                                            it is in another one */
};

struct codec {
    uint32_t id;
    const char *name;  /* as in metadata: "cpu-zstd" */
    bool can_compress; /* by this build */
    bool can_decompress;
};

/* NULL: unknown id or name. */
const struct codec *codec_find(uint32_t id);
const struct codec *codec_find_name(struct span name);

/* The table, for whoever counts by codec: its place is below CODECS_COUNT; CODECS_COUNT: it is not in the table. */
enum { CODECS_COUNT = 11 };
const struct codec *codec_at(unsigned place);
unsigned codec_place(uint32_t id);

/* Why data in this codec, which is not in the table or cannot be decompressed, are not read: ERROR_UNSUPPORTED, always
 * false. */
bool codec_refuse(uint32_t id, struct error *error);

enum {
    CODEC_LEVEL_DEFAULT = 1, /* docs/compression.md has the table that chose it */
    CODEC_LEVEL_LEAST = -7,
    CODEC_LEVEL_MOST = 19,
    CODEC_LEVEL_INLINE_MAX = 6,  /* above: on the codec pool, never inline on a shard */
    CODEC_WINDOW_LOG_SMALL = 23, /* 8 MiB: what an ordinary decompressor accepts */
    CODEC_WINDOW_LOG_LARGE = 27, /* foreign windows up to 128 MiB wait for one of few large slots */
    CODEC_SLICE_BYTES = 128 << 10,
};

/* What a step of any codec says: call it again, it is done, or it cannot be done. */
enum codec_step { CODEC_MORE, CODEC_DONE, CODEC_FAILED };
