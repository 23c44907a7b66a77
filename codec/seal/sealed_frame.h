/* codec/seal/sealed_frame.h -- a frame whose payload only the data key of its write opens (docs/encryption-format.md).
 *
 * To whoever walks a body it is an ordinary S4F2 frame of codec CODEC_SEALED, whose CRC-32C is of the payload as it is
 * stored: frames are found, counted, copied and checked without a key. The payload is a nonce of XAES-256-GCM, and,
 * sealed under the data key: the codec of the payload within, the CRC-32C of the original bytes, that payload. The
 * header up to its CRC is the associated data.
 *
 * A segment is what one encoder writes from its first byte to its last: an object in one PUT, one attempt of one part.
 * It draws a salt; the other half of the nonce is the frame's place in it. Whoever reads says which place a frame must
 * have, so that frames that were exchanged, repeated, dropped or cut off do not open, and no index need be believed.
 * Nothing is ever sealed twice under one nonce: what is encoded again is a segment of its own. */
#pragma once

#include "codec/codec.h"
#include "codec/format/frame.h"
#include "codec/seal/aes.h"
#include "runtime/base/error.h"

enum {
    SEALED_INNER_BYTES = 8,
    /* Bytes that a payload gains, and what must be free before and behind it to be sealed where it lies. */
    SEALED_PAYLOAD_BYTES = XAES_NONCE_BYTES + SEALED_INNER_BYTES + GCM_TAG_BYTES,
    SEALED_HEAD_BYTES = FRAME_HEADER_BYTES + XAES_NONCE_BYTES + SEALED_INNER_BYTES,
    SEALED_TAIL_BYTES = GCM_TAG_BYTES,
    SEALED_ORIGINAL_BYTES_MAX = FRAME_ORIGINAL_BYTES_HUGE, /* of one frame */
};
/* Of one segment, so that no length from outside passes what an object may hold (5 TiB). */
#define SEALED_SEGMENT_BYTES_MAX (UINT64_C(5) << 40)

/* Where a frame stands. */
struct sealed_place {
    unsigned part;   /* of an upload, 1 to 10,000; 0: of an object in one piece */
    uint64_t offset; /* of its first original byte in the segment */
    bool is_last;    /* of the segment. Written only by who knows it; where it is written, it must be true */
};

/* ---- writing ---- */

/* A segment that is being sealed. It holds a key: sealing_end wipes it. */
struct sealing {
    uint8_t key[AES_KEY_BYTES]; /* of this segment */
    uint8_t salt[XAES_SALT_BYTES];
    unsigned part;
    uint64_t offset; /* of the next frame: it only grows */
    bool is_over;    /* the last frame has been sealed */
};

/* `salt` has just been drawn at random. `aes`, here and below, is whichever is at hand: nothing is left in it. */
void sealing_begin(struct sealing *sealing, struct aes *aes, const uint8_t data_key[AES_KEY_BYTES],
                   const uint8_t salt[XAES_SALT_BYTES], unsigned part);
void sealing_end(struct sealing *sealing);
/* The next frame: `payload` as `inner` describes it (codec, sizes, CRC-32C of the original), with SEALED_HEAD_BYTES
 * free before it and SEALED_TAIL_BYTES behind. Returns the whole frame, header included, which lies there now. It holds
 * 1 to SEALED_ORIGINAL_BYTES_MAX original bytes; of a segment without a byte there is no frame. */
struct span sealing_next(struct sealing *sealing, struct aes *aes, const struct frame_header *inner, bool is_last,
                         uint8_t *payload);

/* ---- reading ---- */

/* Frames of one write that are being opened. It holds keys: unsealing_end wipes them. */
struct unsealing {
    uint8_t data_key[AES_KEY_BYTES];
    uint8_t key[AES_KEY_BYTES]; /* of the segment of the last frame */
    uint8_t salt[XAES_SALT_BYTES];
    bool has_salt;
};

void unsealing_begin(struct unsealing *unsealing, const uint8_t data_key[AES_KEY_BYTES]);
void unsealing_end(struct unsealing *unsealing);
/* What can be said of a frame without a key: does its payload have the CRC that the header says? */
bool sealed_frame_is_whole(const struct frame_header *header, struct span payload);
/* Opens the payload of a frame of CODEC_SEALED where it lies. *ret_inner is the header as it would be if the frame were
 * not sealed (codec, sizes, CRC-32C of the original), *ret_payload the payload that belongs to it, inside `payload`.
 * ERROR_DAMAGED: it is not what was sealed under this key for this place; the payload must not be looked at then. */
bool unsealing_next(struct unsealing *unsealing, struct aes *aes, const struct frame_header *header,
                    const struct sealed_place *place, uint8_t *payload, struct frame_header *ret_inner,
                    struct span *ret_payload, struct error *error);
/* The salt with which a payload begins. False: it is too short for any. */
bool sealed_frame_salt(struct span payload, uint8_t ret_salt[XAES_SALT_BYTES]);
