/* codec/decompressor.c -- cpu-zstd (libzstd), cpu-gzip (ISA-L's igzip), passthrough, and what GPUs wrote, whole or as a
 * stream.
 *
 * gzip: igzip is linked already for its CRCs, inflates about twice as fast as zlib, and checks header and trailer of
 * the member by itself; zlib would be one more dependency for nothing. */
#define ZSTD_STATIC_LINKING_ONLY /* for the header of a frame; see codec/stock/compressor.c */
#include "codec/decompressor.h"

#include "codec/dictionary/block.h"
#include "codec/dictionary/dictionary.h"
#include "codec/foreign/fcg.h"
#include "codec/foreign/gdeflate.h"
#include "codec/format/vector_state.h"
#include "codec/stock/zstd_flat.h"
#include "codec/stock/zstd_magic.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#include <inttypes.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* A context that grew beyond this for a foreign window is given back by decompressor_shrink. */
enum { ZSTD_KEPT_BYTES_MAX = 512 << 10 };

/* A block of 16 bytes may have tables that take 3 us to make, and hold next to nothing: by original bytes alone a step
 * would have no end. */
enum {
    STEP_STORED_BYTES = 16 << 10,
    BLOCKS_AT_ONCE = 512, /* libzstd writes 8 to 200 for a frame of 1 MiB */
};

/* A whole payload, step by step. */
struct run {
    enum { RUN_AT_ONCE, RUN_FLAT, RUN_STREAM } way; /* RUN_FLAT: of zstd, in slices */
    uint32_t codec;
    struct span payload; /* what is left of it */
    uint8_t *original;
    size_t original_size;
    size_t done; /* of the original */
};

struct decompressor {
    ZSTD_DCtx *zstd;                     /* NULL until needed */
    struct inflate_state *gzip;          /* NULL until needed; about 90 KiB */
    struct fcg *fcg;                     /* NULL until needed; about 200 KiB */
    struct gdeflate *gdeflate;           /* NULL until needed */
    struct zstd_flat *flat;              /* NULL until needed; about 290 KiB */
    uint8_t *block;                      /* NULL until needed: room for one behind its head */
    const struct dictionary *dictionary; /* for CODEC_ZSTD_DICTIONARY and CODEC_DICTIONARY_BLOCK; NULL: none */
    uint32_t codec;                      /* of the stream that was begun */
    bool has_ended;                      /* the stream may end here */
    uint8_t magic[ZSTD_MAGIC_BYTES];     /* of the stream's frame of zstd, as far as it has come */
    unsigned magic_size;
    struct run run;
};

struct decompressor *decompressor_create(void)
{
    return calloc(1, sizeof(struct decompressor));
}

void decompressor_destroy(struct decompressor *decompressor)
{
    if (decompressor == NULL)
        return;
    ZSTD_freeDCtx(decompressor->zstd);
    free(decompressor->gzip);
    fcg_destroy(decompressor->fcg);
    gdeflate_destroy(decompressor->gdeflate);
    zstd_flat_destroy(decompressor->flat);
    free(decompressor->block);
    free(decompressor);
}

void decompressor_set_dictionary(struct decompressor *decompressor, const struct dictionary *dictionary)
{
    decompressor->dictionary = dictionary;
}

void decompressor_shrink(struct decompressor *decompressor)
{
    decompressor->dictionary = NULL;
    fcg_destroy(decompressor->fcg);
    decompressor->fcg = NULL;
    zstd_flat_destroy(decompressor->flat);
    decompressor->flat = NULL;
    if (decompressor->zstd == NULL || ZSTD_sizeof_DCtx(decompressor->zstd) <= ZSTD_KEPT_BYTES_MAX)
        return;
    ZSTD_freeDCtx(decompressor->zstd);
    decompressor->zstd = NULL;
}

static bool refuse_size(uint64_t original_size, const char *what, struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A frame holds %s bytes than the %" PRIu64 " that it says.", what,
                     original_size);
}

/* ---- contexts, made on first need ---- */

static bool refuse_memory(struct error *error)
{
    return error_set(error, ERROR_BUSY, NULL, "There is no memory for a decompressor.");
}

/* *ret_dictionary NULL: the codec refers to none. */
static bool find_dictionary(const struct decompressor *decompressor, uint32_t codec,
                            const struct ZSTD_DDict_s **ret_dictionary, struct error *error)
{
    *ret_dictionary = NULL;
    if (codec != CODEC_ZSTD_DICTIONARY)
        return true;
    if (decompressor->dictionary == NULL)
        return error_set(error, ERROR_DAMAGED, NULL,
                         "A frame was compressed with a dictionary (cpu-zstd-dict), and the object names none.");
    *ret_dictionary = dictionary_for_decoding(decompressor->dictionary);
    return true;
}

/* A context keeps the dictionary that it was told last: it is told each time, also that there is none. */
static bool begin_zstd(struct decompressor *decompressor, uint32_t codec, int window_log, struct error *error)
{
    const struct ZSTD_DDict_s *dictionary;
    if (!find_dictionary(decompressor, codec, &dictionary, error))
        return false;
    if (decompressor->zstd == NULL)
        decompressor->zstd = ZSTD_createDCtx();
    if (decompressor->zstd == NULL)
        return refuse_memory(error);
    (void)ZSTD_DCtx_reset(decompressor->zstd, ZSTD_reset_session_only);
    (void)ZSTD_DCtx_setParameter(decompressor->zstd, ZSTD_d_windowLogMax, window_log);
    (void)ZSTD_DCtx_refDDict(decompressor->zstd, dictionary);
    decompressor->has_ended = false;
    decompressor->magic_size = 0;
    return true;
}

static bool begin_gzip(struct decompressor *decompressor, struct error *error)
{
    if (decompressor->gzip == NULL)
        decompressor->gzip = malloc(sizeof *decompressor->gzip);
    if (decompressor->gzip == NULL)
        return refuse_memory(error);
    isal_inflate_init(decompressor->gzip);
    decompressor->gzip->crc_flag = ISAL_GZIP;
    decompressor->has_ended = false;
    return true;
}

/* ---- one step of a stream ---- */

/* What zstd is fed next: a frame's magic number, once it is known to be one, or more of what is behind it. */
static bool take_zstd_piece(struct decompressor *decompressor, struct span input, struct span *ret_piece,
                            struct error *error)
{
    if (decompressor->magic_size == ZSTD_MAGIC_BYTES) {
        *ret_piece = span_take(input, STEP_STORED_BYTES);
        return true;
    }
    *ret_piece = span_take(input, ZSTD_MAGIC_BYTES - decompressor->magic_size);
    if (ret_piece->size > 0)
        memcpy(decompressor->magic + decompressor->magic_size, ret_piece->data, ret_piece->size);
    decompressor->magic_size += (unsigned)ret_piece->size;
    return decompressor->magic_size < ZSTD_MAGIC_BYTES ||
           zstd_magic_is_known(span_of(decompressor->magic, ZSTD_MAGIC_BYTES)) ||
           error_set(error, ERROR_DAMAGED, NULL, "Stored zstd data begin as no frame of zstd does.");
}

static bool step_zstd(struct decompressor *decompressor, struct span *input, uint8_t *ret_original, size_t capacity,
                      size_t *ret_size, bool *ret_ended, struct error *error)
{
    struct span piece;
    if (!take_zstd_piece(decompressor, *input, &piece, error))
        return false;
    ZSTD_inBuffer in = {piece.data, piece.size, 0};
    ZSTD_outBuffer out = {ret_original, capacity, 0};
    size_t result = ZSTD_decompressStream(decompressor->zstd, &out, &in);
    if (ZSTD_isError(result) && ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
        return refuse_memory(error);
    if (ZSTD_isError(result))
        return error_set(error, ERROR_DAMAGED, NULL, "Stored zstd data cannot be decompressed: %s.",
                         ZSTD_getErrorName(result));
    *input = span_skip(*input, in.pos);
    *ret_size = out.pos;
    if (in.pos > 0 || out.pos > 0) /* asked for nothing, zstd tells what a next frame would need */
        decompressor->has_ended = result == 0;
    if (decompressor->has_ended)
        decompressor->magic_size = 0;
    *ret_ended = decompressor->has_ended;
    return true;
}

static const char *gzip_error_text(int result)
{
    switch (result) {
    case ISAL_INVALID_WRAPPER:
        return "it does not begin with a gzip header";
    case ISAL_UNSUPPORTED_METHOD:
        return "its method is not deflate";
    case ISAL_INCORRECT_CHECKSUM:
        return "its checksum is wrong";
    case ISAL_NEED_DICT:
        return "it needs a dictionary";
    default:
        return "its deflate data are wrong";
    }
}

static bool step_gzip(struct decompressor *decompressor, struct span *input, uint8_t *ret_original, size_t capacity,
                      size_t *ret_size, bool *ret_ended, struct error *error)
{
    struct inflate_state *gzip = decompressor->gzip;
    *ret_size = 0;
    *ret_ended = decompressor->has_ended;
    if (decompressor->has_ended) { /* a body is one member: what follows it is not read */
        *input = span_skip(*input, input->size);
        return true;
    }
    struct span piece = span_take(*input, STEP_STORED_BYTES);
    uint32_t room = capacity < INT32_MAX ? (uint32_t)capacity : INT32_MAX;
    gzip->next_in = (uint8_t *)(uintptr_t)piece.data;
    gzip->avail_in = (uint32_t)piece.size;
    gzip->next_out = ret_original;
    gzip->avail_out = room;
    int result = isal_inflate(gzip);
    vector_state_clear();
    if (result < ISAL_DECOMP_OK || result == ISAL_NEED_DICT)
        return error_set(error, ERROR_DAMAGED, NULL, "Stored gzip data cannot be decompressed: %s.",
                         gzip_error_text(result));
    *input = span_skip(*input, piece.size - gzip->avail_in);
    *ret_size = room - gzip->avail_out;
    *ret_ended = decompressor->has_ended = gzip->block_state == ISAL_BLOCK_FINISH;
    return true;
}

static void step_passthrough(struct span *input, uint8_t *ret_original, size_t capacity, size_t *ret_size,
                             bool *ret_ended)
{
    struct span piece = span_take(*input, capacity);
    if (piece.size > 0)
        memcpy(ret_original, piece.data, piece.size);
    *input = span_skip(*input, piece.size);
    *ret_size = piece.size;
    *ret_ended = true; /* it may end anywhere */
}

/* ---- FCG1 ---- */

static bool begin_zstd_chunk(void *flat, struct span chunk, uint8_t *ret_original, size_t original_size,
                             struct error *error)
{
    return zstd_flat_begin(flat, chunk, ret_original, original_size, error);
}

static enum codec_step step_zstd_chunk(void *flat, struct error *error)
{
    return zstd_flat_step(flat, error);
}

static bool begin_gdeflate_chunk(void *gdeflate, struct span chunk, uint8_t *ret_original, size_t original_size,
                                 struct error *error)
{
    (void)error;
    gdeflate_begin(gdeflate, chunk, ret_original, original_size);
    return true;
}

static enum codec_step step_gdeflate_chunk(void *gdeflate, struct error *error)
{
    return gdeflate_step(gdeflate, error);
}

/* ret_decoder->context NULL: no memory. */
static void find_fcg_decoder(struct decompressor *decompressor, uint32_t codec, struct fcg_decoder *ret_decoder)
{
    if (codec == CODEC_NVCOMP_GDEFLATE) {
        if (decompressor->gdeflate == NULL)
            decompressor->gdeflate = gdeflate_create();
        *ret_decoder = (struct fcg_decoder){begin_gdeflate_chunk, step_gdeflate_chunk, decompressor->gdeflate};
        return;
    }
    if (decompressor->flat == NULL)
        decompressor->flat = zstd_flat_create();
    *ret_decoder = (struct fcg_decoder){begin_zstd_chunk, step_zstd_chunk, decompressor->flat};
}

static bool begin_fcg(struct decompressor *decompressor, uint32_t codec, struct error *error)
{
    struct fcg_decoder decoder;
    find_fcg_decoder(decompressor, codec, &decoder);
    if (decompressor->fcg == NULL)
        decompressor->fcg = fcg_create();
    if (decompressor->fcg == NULL || decoder.context == NULL)
        return refuse_memory(error);
    fcg_begin(decompressor->fcg, codec == CODEC_NVCOMP_GDEFLATE ? FCG_GDEFLATE : FCG_ZSTD, &decoder);
    return true;
}

/* ---- a block, which is never a stream ---- */

static bool run_zstd(struct decompressor *decompressor, uint32_t codec, struct span payload, uint8_t *ret_original,
                     size_t original_size, struct error *error);

static bool refuse_block(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A block that refers to a dictionary is larger than any can be.");
}

static bool run_block(struct decompressor *decompressor, struct span block, uint8_t *ret_original, size_t original_size,
                      struct error *error)
{
    if (block.size > DICTIONARY_BLOCK_BYTES_MAX || original_size > DICTIONARY_BLOCK_BYTES_MAX)
        return refuse_block(error);
    if (decompressor->block == NULL)
        decompressor->block = malloc(DICTIONARY_BLOCK_HEAD_BYTES + DICTIONARY_BLOCK_BYTES_MAX);
    if (decompressor->block == NULL)
        return refuse_memory(error);
    dictionary_block_head(block.size, decompressor->block);
    if (block.size > 0)
        memcpy(decompressor->block + DICTIONARY_BLOCK_HEAD_BYTES, block.data, block.size);
    return run_zstd(decompressor, CODEC_ZSTD_DICTIONARY,
                    span_of(decompressor->block, DICTIONARY_BLOCK_HEAD_BYTES + block.size), ret_original, original_size,
                    error);
}

/* ---- a stream ---- */

bool decompressor_begin(struct decompressor *decompressor, uint32_t codec, bool allow_large_window, struct error *error)
{
    decompressor->codec = codec;
    switch (codec) {
    case CODEC_PASSTHROUGH:
        return true;
    case CODEC_ZSTD:
    case CODEC_ZSTD_DICTIONARY:
        return begin_zstd(decompressor, codec, allow_large_window ? CODEC_WINDOW_LOG_LARGE : CODEC_WINDOW_LOG_SMALL,
                          error);
    case CODEC_GZIP:
        return begin_gzip(decompressor, error);
    case CODEC_NVCOMP_ZSTD:
    case CODEC_NVCOMP_GDEFLATE:
        return begin_fcg(decompressor, codec, error);
    case CODEC_DICTIONARY_BLOCK:
        return refuse_block(error);
    default:
        return codec_refuse(codec, error);
    }
}

bool decompressor_step(struct decompressor *decompressor, struct span *input, uint8_t *ret_original, size_t capacity,
                       size_t *ret_size, bool *ret_ended, struct error *error)
{
    if (capacity > CODEC_SLICE_BYTES) /* bounds the time of a step */
        capacity = CODEC_SLICE_BYTES;
    switch (decompressor->codec) {
    case CODEC_ZSTD:
    case CODEC_ZSTD_DICTIONARY:
        return step_zstd(decompressor, input, ret_original, capacity, ret_size, ret_ended, error);
    case CODEC_GZIP:
        return step_gzip(decompressor, input, ret_original, capacity, ret_size, ret_ended, error);
    case CODEC_NVCOMP_ZSTD:
    case CODEC_NVCOMP_GDEFLATE:
        return fcg_step(decompressor->fcg, input, ret_original, capacity, ret_size, ret_ended, error);
    default:
        ASSERT(decompressor->codec == CODEC_PASSTHROUGH);
        step_passthrough(input, ret_original, capacity, ret_size, ret_ended);
        return true;
    }
}

/* ---- a whole payload ---- */

static bool run_zstd(struct decompressor *decompressor, uint32_t codec, struct span payload, uint8_t *ret_original,
                     size_t original_size, struct error *error)
{
    if (!begin_zstd(decompressor, codec, CODEC_WINDOW_LOG_SMALL, error))
        return false;
    /* Flat to flat: no window buffer whatever the header asks for, so a large window costs nothing here. */
    size_t result = ZSTD_decompressDCtx(decompressor->zstd, ret_original, original_size, payload.data, payload.size);
    if (ZSTD_isError(result)) {
        if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall)
            return refuse_size(original_size, "more", error);
        return error_set(error, ERROR_DAMAGED, NULL, "A frame's zstd data cannot be decompressed: %s.",
                         ZSTD_getErrorName(result));
    }
    return result == original_size || refuse_size(original_size, "fewer", error);
}

/* One frame of zstd, of so few blocks that they are no slices. What is no such frame is none here either. */
static bool has_few_blocks(struct span payload)
{
    enum { BLOCK_HEADER_BYTES = 3, BLOCK_RLE = 1, CHECKSUM_BYTES = 4 };
    ZSTD_frameHeader header;
    if (ZSTD_getFrameHeader(&header, payload.data, payload.size) != 0 || header.frameType != ZSTD_frame)
        return false;
    struct span left = span_skip(payload, header.headerSize);
    for (unsigned blocks = 0; blocks < BLOCKS_AT_ONCE && left.size >= BLOCK_HEADER_BYTES; blocks++) {
        uint32_t block = load_u16_le(left.data) | (uint32_t)left.data[2] << 16;
        size_t size = (block >> 1 & 3) == BLOCK_RLE ? 1 : block >> 3;
        if (left.size - BLOCK_HEADER_BYTES < size)
            return false;
        left = span_skip(left, BLOCK_HEADER_BYTES + size);
        if ((block & 1) != 0)
            return left.size == (header.checksumFlag ? CHECKSUM_BYTES : 0);
    }
    return false;
}

static bool begin_run_flat(struct decompressor *decompressor, struct error *error)
{
    const struct run *run = &decompressor->run;
    const struct ZSTD_DDict_s *dictionary;
    if (!find_dictionary(decompressor, run->codec, &dictionary, error))
        return false;
    if (decompressor->flat == NULL)
        decompressor->flat = zstd_flat_create();
    if (decompressor->flat == NULL)
        return refuse_memory(error);
    zstd_flat_begin_frames(decompressor->flat, run->payload, dictionary, run->original, run->original_size);
    return true;
}

bool decompressor_run_begin(struct decompressor *decompressor, uint32_t codec, struct span payload,
                            uint8_t *ret_original, size_t original_size, struct error *error)
{
    bool is_zstd = codec == CODEC_ZSTD || codec == CODEC_ZSTD_DICTIONARY;
    bool is_at_once = codec == CODEC_PASSTHROUGH || codec == CODEC_DICTIONARY_BLOCK ||
                      (is_zstd && (payload.size == 0 || has_few_blocks(payload)));
    decompressor->run = (struct run){
        .way = is_at_once ? RUN_AT_ONCE : (is_zstd ? RUN_FLAT : RUN_STREAM),
        .codec = codec,
        .payload = payload,
        .original = ret_original,
        .original_size = original_size,
    };
    if (is_at_once)
        return true;
    return is_zstd ? begin_run_flat(decompressor, error) : decompressor_begin(decompressor, codec, false, error);
}

static bool run_at_once(struct decompressor *decompressor, struct error *error)
{
    const struct run *run = &decompressor->run;
    if (run->codec == CODEC_DICTIONARY_BLOCK)
        return run_block(decompressor, run->payload, run->original, run->original_size, error);
    if (run->codec != CODEC_PASSTHROUGH)
        return run_zstd(decompressor, run->codec, run->payload, run->original, run->original_size, error);
    if (run->payload.size != run->original_size)
        return refuse_size(run->original_size, run->payload.size > run->original_size ? "more" : "fewer", error);
    if (run->original_size > 0)
        memcpy(run->original, run->payload.data, run->original_size);
    return true;
}

/* What is behind the end of a stream is fed as well: it is swallowed, or an error. */
static bool run_slice(struct decompressor *decompressor, bool *ret_ended, struct error *error)
{
    struct run *run = &decompressor->run;
    uint8_t beyond; /* when the frame is full: room for one byte too many, so that it shows */
    bool is_full = run->done == run->original_size;
    bool ended;
    size_t size = 0;
    if (!decompressor_step(decompressor, &run->payload, is_full ? &beyond : run->original + run->done,
                           is_full ? 1 : run->original_size - run->done, &size, &ended, error))
        return false;
    if (is_full && size > 0)
        return refuse_size(run->original_size, "more", error);
    run->done += size;
    if (!ended && size == 0 && run->payload.size == 0)
        return error_set(error, ERROR_DAMAGED, NULL, "A frame's compressed data are cut off.");
    *ret_ended = ended && run->payload.size == 0;
    return !*ret_ended || run->done == run->original_size || refuse_size(run->original_size, "fewer", error);
}

enum codec_step decompressor_run_step(struct decompressor *decompressor, struct error *error)
{
    bool ended = false;
    switch (decompressor->run.way) {
    case RUN_AT_ONCE:
        return run_at_once(decompressor, error) ? CODEC_DONE : CODEC_FAILED;
    case RUN_FLAT:
        return zstd_flat_step(decompressor->flat, error);
    case RUN_STREAM:
        break;
    }
    if (!run_slice(decompressor, &ended, error))
        return CODEC_FAILED;
    return ended ? CODEC_DONE : CODEC_MORE;
}

bool decompressor_run(struct decompressor *decompressor, uint32_t codec, struct span payload, uint8_t *ret_original,
                      size_t original_size, struct error *error)
{
    if (!decompressor_run_begin(decompressor, codec, payload, ret_original, original_size, error))
        return false;
    enum codec_step step;
    do
        step = decompressor_run_step(decompressor, error);
    while (step == CODEC_MORE);
    return step == CODEC_DONE;
}

/* ---- windows ---- */

/* The window that a zstd frame asks for (RFC 8878, 3.1.1.1); 0: cannot be told from these bytes. */
static uint64_t zstd_window_bytes(struct span frame)
{
    enum { MAGIC_BYTES = 4, SINGLE_SEGMENT = 0x20 };
    static const unsigned dictionary_bytes[4] = {0, 1, 2, 4};
    if (frame.size < MAGIC_BYTES + 2 || load_u32_le(frame.data) != ZSTD_MAGICNUMBER)
        return 0;
    uint8_t descriptor = frame.data[MAGIC_BYTES];
    if ((descriptor & SINGLE_SEGMENT) == 0) {
        uint8_t window = frame.data[MAGIC_BYTES + 1];
        uint64_t base = UINT64_C(1) << (10 + (window >> 3));
        return base + base / 8 * (window & 7);
    }
    struct span content = span_skip(frame, MAGIC_BYTES + 1);
    unsigned skipped = dictionary_bytes[descriptor & 3];
    unsigned size_bytes = 1U << (descriptor >> 6);
    if (content.size < skipped + size_bytes)
        return 0;
    uint64_t size = 0;
    memcpy(&size, content.data + skipped, size_bytes);
    return size_bytes == 2 ? size + 256 : size;
}

uint64_t decompressor_window_bytes(uint32_t codec, struct span payload)
{
    return codec == CODEC_ZSTD || codec == CODEC_ZSTD_DICTIONARY ? zstd_window_bytes(payload) : 0;
}

bool decompressor_needs_large_window(uint32_t codec, struct span payload)
{
    return decompressor_window_bytes(codec, payload) > UINT64_C(1) << CODEC_WINDOW_LOG_SMALL;
}
