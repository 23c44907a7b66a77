/* codec/stock/zstd_flat.c -- one frame of zstd, fed in just the pieces that it asks for, so that each gives one block.
 */
#define ZSTD_STATIC_LINKING_ONLY /* for the stable buffer and the header; see codec/stock/compressor.c */
#include "codec/stock/zstd_flat.h"

#include "runtime/base/assert.h"

#include <stdlib.h>
#include <zstd.h>

enum {
    FIRST_BYTES = 5,  /* a frame's magic number and descriptor: with them it asks for the rest of its header */
    PIECES_MAX = 256, /* in a step: blocks may be small, and some empty */
};

struct zstd_flat {
    ZSTD_DCtx *zstd;
    struct span frame; /* what is left of it */
    ZSTD_outBuffer original;
    size_t wanted; /* bytes of the frame */
};

struct zstd_flat *zstd_flat_create(void)
{
    struct zstd_flat *flat = calloc(1, sizeof *flat);
    if (flat == NULL)
        return NULL;
    flat->zstd = ZSTD_createDCtx();
    if (flat->zstd == NULL) {
        free(flat);
        return NULL;
    }
    /* Blocks are written where they belong, and what they refer to is read there: no window, and no copy. */
    size_t result = ZSTD_DCtx_setParameter(flat->zstd, ZSTD_d_stableOutBuffer, 1);
    ASSERT(!ZSTD_isError(result));
    return flat;
}

void zstd_flat_destroy(struct zstd_flat *flat)
{
    if (flat == NULL)
        return;
    ZSTD_freeDCtx(flat->zstd);
    free(flat);
}

static bool refuse(struct error *error, const char *reason)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A zstd frame inside cannot be decompressed: %s.", reason);
}

/* Nothing but an ordinary frame: no skippable ones, none of the formats before the standard (libzstd would make a
 * context for them), no dictionary. */
static bool is_ordinary(struct span frame, size_t original_size)
{
    ZSTD_frameHeader header;
    return ZSTD_getFrameHeader(&header, frame.data, frame.size) == 0 && header.frameType == ZSTD_frame &&
           header.dictID == 0 &&
           (header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN || header.frameContentSize == original_size);
}

bool zstd_flat_begin(struct zstd_flat *flat, struct span frame, uint8_t *ret_original, size_t original_size,
                     struct error *error)
{
    if (!is_ordinary(frame, original_size))
        return refuse(error, "it is no frame of its size");
    (void)ZSTD_DCtx_reset(flat->zstd, ZSTD_reset_session_only);
    flat->frame = frame;
    flat->original = (ZSTD_outBuffer){ret_original, original_size, 0};
    flat->wanted = FIRST_BYTES;
    return true;
}

/* One piece of the frame, a block but for the first ones. */
static bool feed(struct zstd_flat *flat, struct error *error)
{
    struct span piece = span_take(flat->frame, flat->wanted);
    if (piece.size == 0)
        return refuse(error, "it is cut off");
    ZSTD_inBuffer in = {piece.data, piece.size, 0};
    flat->wanted = ZSTD_decompressStream(flat->zstd, &flat->original, &in);
    if (ZSTD_isError(flat->wanted))
        return refuse(error, ZSTD_getErrorName(flat->wanted));
    flat->frame = span_skip(flat->frame, in.pos);
    return true;
}

enum codec_step zstd_flat_step(struct zstd_flat *flat, struct error *error)
{
    size_t slice_end = flat->original.pos + CODEC_SLICE_BYTES;
    for (unsigned pieces = 0; pieces < PIECES_MAX && flat->original.pos < slice_end && flat->wanted > 0; pieces++)
        if (!feed(flat, error))
            return CODEC_FAILED;
    if (flat->wanted > 0)
        return CODEC_MORE;
    if (flat->frame.size == 0 && flat->original.pos == flat->original.size)
        return CODEC_DONE;
    (void)refuse(error, "its size is wrong");
    return CODEC_FAILED;
}
