/* server/object/object_writer_private.h -- a body on its way in, as the two halves of its writer share it.
 *
 * object_writer.c takes bytes, hashes and commits; object_writer_frame.c stores what fills a frame. */
#pragma once

#include "codec/format/crc.h"
#include "server/keys/object_seal.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/gzip_body.h"
#include "server/object/forms/stage.h"
#include "server/object/object.h"
#include "store/frames.h"

struct object_writer {
    struct object_codecs *codecs;
    struct bucket_writer *stored;
    struct store_sink store;
    struct object_sink *sink; /* the first stage behind the frames */

    struct object_name name;
    uint64_t creation_id;                 /* of the bucket */
    char dictionary[DICTIONARY_ID_BYTES]; /* that the one frame was compressed with; empty: none */
    bool is_part;                         /* of an upload */
    unsigned part_number;
    bool is_size_known;
    uint64_t size_expected;
    uint64_t original_size; /* arrived so far */
    uint64_t stored_size;   /* passed to the sink so far */

    struct body_memory memory; /* of the frame that is being filled */
    size_t filled;
    uint32_t frame_crc32c;

    bool is_sealed;
    uint8_t data_key[AES_KEY_BYTES]; /* of this write; so is the next */
    struct sealing sealing;
    struct seal_nonces nonces;            /* of the seal, which is made once */
    enum seal_mode mode;                  /* SEAL_PLAIN unless is_sealed */
    const struct customer_key *customer;  /* of an object; the upload has wrapped a part's data key already */
    uint8_t attribute_key[AES_KEY_BYTES]; /* if seal_mode_has_attribute_key(mode) */
    bool is_last_frame;                   /* the one that is being stored */

    int level;
    struct span etag;                   /* as in the intent */
    const struct body_rewrite *rewrite; /* or NULL */
    const bool *is_cut_off;             /* or NULL */
    const struct frame_gate *gate;      /* or NULL */
    bool stays_raw;                     /* whatever its bytes are, and however many frames there would be */
    bool may_be_gzip;
    bool may_be_block;
    enum { SHAPE_UNDECIDED, SHAPE_RAW, SHAPE_FRAMED, SHAPE_GZIP, SHAPE_BLOCK } shape;
    struct gzip_body gzip;
    unsigned frames_count;
    struct buffer frames;       /* their sizes */
    struct columns_guide guide; /* the prefix's, if it is shared */
    struct guide_share guide_share;
    bool shares_guide;
    bool has_guide;
    bool has_columns; /* one frame at least is packed so */

    struct md5_sum md5;
    struct md5_round *round;   /* of those that arrive; NULL: in none */
    struct sha256_sum *beside; /* the caller's, or NULL */
    struct checksum_sum checksum;
    bool is_checksum_md5; /* which is known for the ETag: not hashed twice */
    uint32_t crc32c;      /* of the frames that are stored */
    bool is_finished;
    struct object_digest digest;
    struct span metadata;
    struct span tags;
    uint32_t tags_count;
    const struct write_condition *condition;
    struct object_lock lock;
    struct span owner;
    struct span acl;
};

/* Stores what is filled as one frame, or as what the body is made of instead. `is_last`: no byte follows it. */
SUSPENDS bool object_writer_flush(struct object_writer *writer, bool is_last, struct error *error);
