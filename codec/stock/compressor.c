/* codec/stock/compressor.c -- cpu-zstd, slice by slice from one flat buffer into another. */
#define ZSTD_STATIC_LINKING_ONLY /* for the stable-buffer parameters: their numbers may change between versions, \
                                  * so libzstd is linked statically */
#include "codec/stock/compressor.h"

#include "codec/format/frame.h"
#include "runtime/base/assert.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct compressor {
    ZSTD_CCtx *zstd;
    struct compression how; /* as set in `zstd` */
    ZSTD_inBuffer original;
    size_t original_size;
    ZSTD_outBuffer payload;
};

static void set(struct compressor *compressor, ZSTD_cParameter parameter, int value)
{
    size_t result = ZSTD_CCtx_setParameter(compressor->zstd, parameter, value);
    ASSERT(!ZSTD_isError(result));
}

/* Four bytes that occur twice cost more to point at than to write down, where there are few different bytes: only
 * matches of seven count, and few of those are looked for. Huffman coding of the rest is what is wanted, which zstd
 * would leave out for so long a step. */
static void set_entropy_only(struct compressor *compressor)
{
    enum { MATCH_BYTES_LEAST = 7, HASH_LOG = 10 };
    set(compressor, ZSTD_c_compressionLevel, 1);
    set(compressor, ZSTD_c_strategy, ZSTD_fast);
    set(compressor, ZSTD_c_minMatch, MATCH_BYTES_LEAST);
    set(compressor, ZSTD_c_targetLength, ZSTD_TARGETLENGTH_MAX); /* the step between two tries */
    set(compressor, ZSTD_c_hashLog, HASH_LOG);
    set(compressor, ZSTD_c_literalCompressionMode, ZSTD_ps_enable);
}

/* Beside whatever else is found, by one place in 128. */
static void set_repeats(struct compressor *compressor)
{
    enum { REPEAT_BYTES_LEAST = 64, HASH_LOG = 13, HASH_RATE_LOG = 7 };
    set(compressor, ZSTD_c_windowLog, __builtin_ctz(FRAME_ORIGINAL_BYTES));
    set(compressor, ZSTD_c_enableLongDistanceMatching, ZSTD_ps_enable);
    set(compressor, ZSTD_c_ldmMinMatch, REPEAT_BYTES_LEAST);
    set(compressor, ZSTD_c_ldmHashLog, HASH_LOG);
    set(compressor, ZSTD_c_ldmHashRateLog, HASH_RATE_LOG);
}

static void set_dictionary(struct compressor *compressor, const ZSTD_CDict *dictionary)
{
    set(compressor, ZSTD_c_contentSizeFlag, 0);
    set(compressor, ZSTD_c_dictIDFlag, 0);
    size_t result = ZSTD_CCtx_refCDict(compressor->zstd, dictionary);
    ASSERT(!ZSTD_isError(result));
}

/* One payload is one frame of zstd, with its content size and without a checksum of its own (the S4F2 header has one).
 * All other parameters are the library's for this level and size: a window is never larger than the original.
 * Stable buffers spare zstd a copy of all input and a window buffer of its own: 0.15 ms and 0.8 MiB for 1 MiB.
 * Parameters outlive ZSTD_reset_session_only, as a dictionary does: what differs from before is set anew, all of it. */
static void set_up(struct compressor *compressor, const struct compression *how)
{
    (void)ZSTD_CCtx_reset(compressor->zstd, ZSTD_reset_session_and_parameters);
    set(compressor, ZSTD_c_stableInBuffer, 1);
    set(compressor, ZSTD_c_stableOutBuffer, 1);
    if (how->is_entropy_only)
        set_entropy_only(compressor);
    else
        set(compressor, ZSTD_c_compressionLevel, how->level);
    if (how->finds_repeats)
        set_repeats(compressor);
    if (how->dictionary != NULL)
        set_dictionary(compressor, how->dictionary);
    compressor->how = *how;
}

/* A dictionary is always set anew: where one has gone, another may lie by now. */
static bool is_set_up(const struct compressor *compressor, const struct compression *how)
{
    const struct compression *set = &compressor->how;
    return set->dictionary == NULL && how->dictionary == NULL && set->is_entropy_only == how->is_entropy_only &&
           set->finds_repeats == how->finds_repeats && set->level == how->level;
}

struct compressor *compressor_create(void)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);
    if (compressor == NULL)
        return NULL;
    compressor->zstd = ZSTD_createCCtx();
    if (compressor->zstd == NULL) {
        free(compressor);
        return NULL;
    }
    set_up(compressor, &(struct compression){.level = CODEC_LEVEL_DEFAULT});
    return compressor;
}

void compressor_destroy(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor);
}

void compressor_begin(struct compressor *compressor, const struct compression *how, struct span original,
                      uint8_t *ret_payload, size_t capacity)
{
    ASSERT(how->level >= CODEC_LEVEL_LEAST && how->level <= CODEC_LEVEL_MOST);
    ASSERT(how->dictionary == NULL || !how->is_entropy_only);
    (void)ZSTD_CCtx_reset(compressor->zstd, ZSTD_reset_session_only);
    if (!is_set_up(compressor, how))
        set_up(compressor, how);
    (void)ZSTD_CCtx_setPledgedSrcSize(compressor->zstd, original.size);
    compressor->original = (ZSTD_inBuffer){original.data, 0, 0};
    compressor->original_size = original.size;
    compressor->payload = (ZSTD_outBuffer){ret_payload, capacity, 0};
}

enum codec_step compressor_step(struct compressor *compressor, size_t *ret_size)
{
    ZSTD_inBuffer *original = &compressor->original;
    size_t left = compressor->original_size - original->size;
    original->size += left < CODEC_SLICE_BYTES ? left : CODEC_SLICE_BYTES;
    bool is_last = original->size == compressor->original_size;

    *ret_size = 0;
    size_t result =
        ZSTD_compressStream2(compressor->zstd, &compressor->payload, original, is_last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(result))
        return ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall ? CODEC_DONE : CODEC_FAILED;
    if (!is_last)
        return original->pos == original->size ? CODEC_MORE : CODEC_DONE;
    if (result == 0)
        *ret_size = compressor->payload.pos;
    return CODEC_DONE; /* with result > 0, more would have to be written than has room */
}

size_t compressor_size_so_far(const struct compressor *compressor)
{
    return compressor->payload.pos;
}
