/* store/remote/uploads/facts.h -- what is known of a part that a client sent, as the name of an object.
 *
 *     .bale/mpu/UPLOAD/p/NNNNN.FACTS
 *
 * A list of names is then a list of parts, a thousand a request. FACTS is base64 for names, with a slash behind every
 * 200 characters, because file systems allow 255 bytes in a segment. docs/bucket-format.md has the bytes. Where the
 * part's frames do not fit into the name, they are the content of the object, and the part's bytes are elsewhere:
 * another object's (is_apart), or a stored part of the backend's upload, from which nobody can read them (is_straight).
 */
#pragma once

#include "runtime/base/buffer.h"
#include "store/bucket.h"

enum {
    BODY_NAME_BYTES = 16,
    FACTS_NAME_BYTES_MAX = 900, /* NNNNN.FACTS: leaves room for a prefix of 60 bytes; longer prefixes leave less */
    STRAIGHT_DIGEST_BYTES = 8,
};

/* Where a straight part is: the end of the stored part of the backend's upload that has its number. Small pieces may
 * stand in front of it there; they are objects of their own as well, because clients may send them again. */
struct straight_facts {
    unsigned before_count; /* pieces in front: those of the numbers just before this one */
    uint64_t before_bytes;
    uint8_t before_digest[STRAIGHT_DIGEST_BYTES]; /* straight_digest of them */
    char etag[STORED_ETAG_TEXT_BYTES];            /* of the stored part, without quotes */
};

struct part_facts {
    struct part_attributes part; /* modified_ms is the clock of who took it; `frames` empty: see has_frames */
    uint8_t seal_size;           /* of a part that was read, whose part.seal is empty; 0: it is not encrypted */
    uint8_t seal[PART_SEAL_BYTES];
    bool is_apart;    /* its bytes are the object b/BODY */
    bool is_straight; /* its bytes are in the backend's upload. Neither: they are this object's content */
    bool has_frames;  /* the name has its frames; else the content has */
    uint8_t body[BODY_NAME_BYTES];
    struct straight_facts straight;
};

/* Appends NNNNN.FACTS; has_frames is decided here: by whether it stays below `bytes_max`. */
void facts_encode(struct part_facts *facts, size_t bytes_max, struct buffer *ret_name);
/* The other way round. `frames` are appended to ret_frames, in the form of store/frames.h; facts->part.frames is left
 * empty, and so is facts->part.seal: facts may be moved. False: it is no name of a part. */
bool facts_decode(struct span name, struct part_facts *ret_facts, struct buffer *ret_frames);

static inline struct span facts_seal(const struct part_facts *facts)
{
    return span_of(facts->seal, facts->seal_size);
}

/* Frames as the content of an object, and back. */
void facts_encode_frames(struct span frames, struct buffer *ret_bytes);
bool facts_decode_frames(struct span bytes, struct buffer *ret_frames);
