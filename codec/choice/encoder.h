/* codec/choice/encoder.h -- one frame on its way in: how it is stored best, and the payload.
 *
 * The choice is made anew for each frame, from samples of it:
 *  - what looks like noise, but not surely, is tried in two pieces and stays as it is unless they shrink by 2 %;
 *  - where zstd does worse on a sample than an order-0 coder could, the matches that it finds there are chance, and the
 *    frame is compressed by the statistics of its bytes alone (struct compression, is_entropy_only);
 *  - all else is zstd of the level asked for. For a frame of less than ENCODER_SAMPLED_BYTES_LEAST a sample is too
 *    dear: it is simply compressed, and once more where that did as badly as said;
 *  - above CODEC_LEVEL_INLINE_MAX it is compressed at level 1 as well, which is the smaller of the two where text is
 *    full of digits, unless that does not shrink it to half;
 *  - with a dictionary it is compressed with that, and besides, where it is asked for, without: the smaller wins.
 *
 * Pure: no I/O, no allocation but at creation. Steps stay within about 0.5 ms at levels up to CODEC_LEVEL_INLINE_MAX.
 */
#pragma once

#include "codec/codec.h"
#include "codec/format/frame.h"
#include "codec/measure/noise.h"
#include "codec/stock/compressor.h"

enum {
    ENCODER_HEADROOM_BYTES = 64,             /* free before a payload: a frame's header is put right before it */
    ENCODER_TAILROOM_BYTES = 16,             /* free behind it: the tag of a sealed frame */
    ENCODER_SAMPLED_BYTES_LEAST = 256 << 10, /* a sample costs a fifteenth of such a frame, at most */
    ENCODER_DICTIONARY_BYTES_MAX = 64 << 10,
};

struct encoder; /* a compressor and room for one payload, 2 MiB at low levels; pooled by its user */

struct encoder *encoder_create(void); /* NULL: no memory */
void encoder_destroy(struct encoder *encoder);
/* For other work, while the encoder has none. */
struct compressor *encoder_compressor(struct encoder *encoder);

struct encoder_job {
    struct span original; /* FRAME_ORIGINAL_BYTES at most; stays where it is until the last step */
    size_t capacity;      /* a larger payload is given up; below the original's size */
    int level;            /* of zstd */
    enum noise_verdict look;
    /* NULL: none. Made for this level; the frame has ENCODER_DICTIONARY_BYTES_MAX at most. */
    const struct ZSTD_CDict_s *dictionary;
    bool is_both_ways;
    bool may_be_block; /* with the dictionary, as CODEC_DICTIONARY_BLOCK: the frame is all of its object */
};

struct encoded {
    uint32_t codec;   /* CODEC_PASSTHROUGH: the frame stays as it is, and there is no payload */
    uint8_t *payload; /* the encoder's, until it begins again */
    size_t size;
    /* What a body of this frame alone takes one way and the other, its header and all; the original's size where it did
     * not shrink; 0: this way was not tried. */
    size_t dictionary_size;
    size_t plain_size;
};

void encoder_begin(struct encoder *encoder, const struct encoder_job *job);
/* One slice. CODEC_DONE: *ret_encoded says what became of it. CODEC_FAILED: no memory for zstd's tables. */
enum codec_step encoder_step(struct encoder *encoder, struct encoded *ret_encoded);
