/* codec/stock/zstd_flat.c -- frames of zstd, fed in just the pieces that they ask for, so that each gives one block. */
#define ZSTD_STATIC_LINKING_ONLY /* for the stable buffer and the header; see codec/stock/compressor.c */
#include "codec/stock/zstd_flat.h"

#include "codec/stock/zstd_magic.h"
#include "runtime/base/assert.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    FIRST_BYTES = 5,  /* a frame's magic number and descriptor: with them it asks for the rest of its header */
    PIECES_MAX = 256, /* in a step: blocks may be small, and some empty */
};

struct zstd_flat {
    ZSTD_DCtx *zstd;
    struct span stored; /* what is left of it */
    ZSTD_outBuffer original;
    size_t wanted; /* bytes of the frame; 0: it is at its end */
    bool has_more; /* frames may follow */
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
    return error_set(error, ERROR_DAMAGED, NULL, "Stored zstd data cannot be decompressed: %s.", reason);
}

static bool refuse_code(struct error *error, size_t code)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return error_set(error, ERROR_BUSY, NULL, "There is no memory for a decompressor.");
    if (ZSTD_getErrorCode(code) == ZSTD_error_dstSize_tooSmall)
        return refuse(error, "they hold more bytes than they should");
    return refuse(error, ZSTD_getErrorName(code));
}

/* Nothing but an ordinary frame: no skippable ones, no dictionary. */
static bool is_ordinary(struct span frame, size_t original_size)
{
    ZSTD_frameHeader header;
    return ZSTD_getFrameHeader(&header, frame.data, frame.size) == 0 && header.frameType == ZSTD_frame &&
           header.dictID == 0 &&
           (header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN || header.frameContentSize == original_size);
}

static void begin(struct zstd_flat *flat, struct span stored, uint8_t *ret_original, size_t original_size)
{
    (void)ZSTD_DCtx_reset(flat->zstd, ZSTD_reset_session_only);
    flat->stored = stored;
    flat->original = (ZSTD_outBuffer){ret_original, original_size, 0};
}

bool zstd_flat_begin(struct zstd_flat *flat, struct span frame, uint8_t *ret_original, size_t original_size,
                     struct error *error)
{
    if (!is_ordinary(frame, original_size))
        return refuse(error, "they are no frame of their size");
    begin(flat, frame, ret_original, original_size);
    (void)ZSTD_DCtx_refDDict(flat->zstd, NULL);
    flat->wanted = FIRST_BYTES;
    flat->has_more = false;
    return true;
}

void zstd_flat_begin_frames(struct zstd_flat *flat, struct span frames, const struct ZSTD_DDict_s *dictionary,
                            uint8_t *ret_original, size_t original_size)
{
    begin(flat, frames, ret_original, original_size);
    (void)ZSTD_DCtx_refDDict(flat->zstd, dictionary);
    flat->wanted = 0;
    flat->has_more = true;
}

/* One piece of the frame, a block but for the first ones. */
static bool feed(struct zstd_flat *flat, struct error *error)
{
    if (flat->wanted == 0) {
        if (!zstd_magic_is_known(flat->stored))
            return refuse(error, "a frame of theirs begins as none does");
        flat->wanted = FIRST_BYTES;
    }
    struct span piece = span_take(flat->stored, flat->wanted);
    if (piece.size == 0)
        return refuse(error, "they are cut off");
    ZSTD_inBuffer in = {piece.data, piece.size, 0};
    flat->wanted = ZSTD_decompressStream(flat->zstd, &flat->original, &in);
    if (ZSTD_isError(flat->wanted))
        return refuse_code(error, flat->wanted);
    flat->stored = span_skip(flat->stored, in.pos);
    return true;
}

static bool has_ended(const struct zstd_flat *flat)
{
    return flat->wanted == 0 && !(flat->has_more && flat->stored.size > 0);
}

enum codec_step zstd_flat_step(struct zstd_flat *flat, struct error *error)
{
    size_t slice_end = flat->original.pos + CODEC_SLICE_BYTES;
    for (unsigned pieces = 0; pieces < PIECES_MAX && flat->original.pos < slice_end && !has_ended(flat); pieces++)
        if (!feed(flat, error))
            return CODEC_FAILED;
    if (!has_ended(flat))
        return CODEC_MORE;
    if (flat->stored.size == 0 && flat->original.pos == flat->original.size)
        return CODEC_DONE;
    (void)refuse(error, "their size is wrong");
    return CODEC_FAILED;
}
