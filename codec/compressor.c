/* codec/compressor.c -- cpu-zstd, slice by slice from one flat buffer into another. */
#define ZSTD_STATIC_LINKING_ONLY /* for the stable-buffer parameters: their numbers may change between versions, \
                                  * so libzstd is linked statically */
#include "codec/codec.h"

#include "runtime/base/assert.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct compressor {
    ZSTD_CCtx *zstd;
    int level; /* as set in `zstd` */
    ZSTD_inBuffer original;
    size_t original_size;
    ZSTD_outBuffer payload;
};

/* One payload is one frame of zstd, with its content size and without a checksum of its own (the S4F2 header has one).
 * All other parameters are the library's for this level and size: a window is never larger than the original.
 * Stable buffers spare zstd a copy of all input and a window buffer of its own: 0.15 ms and 0.8 MiB for 1 MiB. */
static void set_level(struct compressor *compressor, int level)
{
    ZSTD_CCtx *zstd = compressor->zstd;
    (void)ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters);
    size_t result = ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
    ASSERT(!ZSTD_isError(result));
    result = ZSTD_CCtx_setParameter(zstd, ZSTD_c_stableInBuffer, 1);
    ASSERT(!ZSTD_isError(result));
    result = ZSTD_CCtx_setParameter(zstd, ZSTD_c_stableOutBuffer, 1);
    ASSERT(!ZSTD_isError(result));
    compressor->level = level;
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
    set_level(compressor, CODEC_LEVEL_DEFAULT);
    return compressor;
}

void compressor_destroy(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor);
}

void compressor_begin(struct compressor *compressor, int level, struct span original, uint8_t *ret_payload,
                      size_t capacity)
{
    ASSERT(level >= CODEC_LEVEL_LEAST && level <= CODEC_LEVEL_MOST);
    (void)ZSTD_CCtx_reset(compressor->zstd, ZSTD_reset_session_only);
    if (level != compressor->level)
        set_level(compressor, level);
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
