/* store/remote/format/trailer.h -- the trailer: what is kept of an object at the end of its own body.
 *
 * One S4P1 padding frame, which every reader of S4's frames skips unread: attributes, where the frames lie, the parts
 * that clients sent, metadata that no header can carry, the seal of an encrypted object whose metadata were written
 * before it could be made (then the attributes have no hash, and a CRC-32C of 0). It is written with the body, copied
 * and deleted with it, and belongs to no other body. docs/bucket-format.md has the bytes.
 *
 * A trailer is believed only when the object's metadata announces it (store/remote/format/stamp.h), and checksum and
 * sizes hold: whoever reads looks at the footer first (trailer_locate), fetches that many bytes, and decodes them. Pure
 * functions over bytes; every length is bounded before it is used. A decoded trailer borrows the bytes. */
#pragma once

#include "codec/format/sidecar.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "s3client/wire/checksum.h"
#include "store/bucket.h"

enum {
    TRAILER_NONCE_BYTES = 16,
    TRAILER_FOOTER_BYTES = 32,
    TRAILER_BYTES_LEAST = 12 + TRAILER_FOOTER_BYTES, /* of the whole frame */
    TRAILER_BYTES_MAX = 32 << 20,                    /* a reader believes no larger one; 5 TiB need 12 MiB */
};

/* What holds for the object as a whole. */
struct trailer_facts {
    uint64_t original_size;
    uint8_t nonce[TRAILER_NONCE_BYTES]; /* of the write: makes bodies with equal contents differ */
    uint8_t digest[MD5_BYTES];          /* MD5 of the original, or of the parts' MD5s */
    uint32_t parts_count;               /* 0: the digest is the plain MD5 */
    uint32_t crc32c;                    /* of the original */
    struct checksum_value checksum;     /* algorithm CHECKSUM_NONE: none */
};

/* ---- writing ---- */

struct trailer_builder {
    struct buffer frames;
    struct buffer parts;
    uint64_t original_size; /* of the frames that were added */
    uint64_t body_size;     /* ... and their stored size */
    unsigned last_part;
    enum checksum_algorithm algorithm; /* of the parts */
    bool are_sealed;                   /* ... which have seals */
};

void trailer_builder_init(struct trailer_builder *builder);
void trailer_builder_free(struct trailer_builder *builder);
/* Data frames in order; each begins where the one before it ends. An empty one has no place in a body. */
void trailer_add_frame(struct trailer_builder *builder, uint64_t original_size, uint64_t stored_size);
/* Parts as clients sent them, numbers ascend. All have a checksum of `algorithm`, or none is kept of any; all have a
 * seal, or none has. */
void trailer_add_part(struct trailer_builder *builder, enum checksum_algorithm algorithm,
                      const struct object_part *part);
/* Appends the whole frame. `metadata`: a packed list that no header can carry, or empty. `seal`: or empty. body_size:
 * stored bytes before the trailer (that of the frames, when frames were added). */
void trailer_encode(const struct trailer_builder *builder, const struct trailer_facts *facts, struct span metadata,
                    struct span seal, uint64_t body_size, struct buffer *ret_trailer);

/* ---- reading ---- */

struct trailer {
    struct trailer_facts facts;
    uint64_t body_size;    /* stored bytes before the trailer: the frames */
    struct span frames;    /* encoded; empty: not told */
    uint64_t frames_count; /* 0: not told */
    struct span parts;     /* encoded, behind their algorithm */
    enum checksum_algorithm parts_algorithm;
    bool are_parts_sealed;
    struct span metadata; /* packed list */
    struct span seal;     /* OBJECT_SEAL_BYTES_MAX at most; empty: none */
};

/* From the last bytes of an object: how large its trailer's frame is. False: they end with no footer that fits
 * `stored_size`. `tail` has at least TRAILER_FOOTER_BYTES, or all of the object. */
bool trailer_locate(struct span tail, uint64_t stored_size, uint64_t *ret_bytes);
/* `frame`: exactly the bytes that trailer_locate named. False: `reason` (may be NULL) gets a static text. */
bool trailer_decode(struct span frame, uint64_t stored_size, struct trailer *ret_trailer, const char **reason);

/* Walks the frames; zeroed at the start. */
struct trailer_cursor {
    size_t position;
    struct sidecar_entry entry; /* the frame that trailer_next_frame found */
};
bool trailer_next_frame(const struct trailer *trailer, struct trailer_cursor *cursor);
/* The frame that holds an original offset. False: none does, or frames are not told. */
bool trailer_find_frame(const struct trailer *trailer, uint64_t original_offset, struct sidecar_entry *ret_entry);
/* The same index as S4's sidecar has it, unbound. Appends nothing when frames are not told. */
void trailer_to_sidecar(const struct trailer *trailer, struct buffer *ret_sidecar);
/* Steps through the parts; *position and ret_part->number start at 0. Seals point into the trailer. */
bool trailer_next_part(const struct trailer *trailer, size_t *position, struct object_part *ret_part);
