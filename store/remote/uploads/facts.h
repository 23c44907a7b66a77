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
#include "s3client/wire/checksum.h"
#include "store/bucket.h"

enum {
    BODY_NAME_BYTES = 16,
    FACTS_NAME_BYTES_MAX = 900, /* NNNNN.FACTS: leaves room for a prefix of 60 bytes; longer prefixes leave less */
    BEFORE_DIGEST_BYTES = 8,
};

/* What stands in front of a part, in the object or the stored part that it ends: the last bytes of the pieces that were
 * sent under the numbers just before its own. They are objects of their own as well, because clients may send them
 * again. */
struct before_facts {
    unsigned count;                      /* of these pieces; 0: nothing is there */
    uint64_t bytes;                      /* all of theirs but what is missing of the first one */
    uint8_t digest[BEFORE_DIGEST_BYTES]; /* before_digest of them */
};

struct part_facts {
    struct part_attributes part; /* modified_ms is the clock of who took it; `frames` empty: see has_frames */
    uint8_t seal_size;           /* of a part that was read, whose part.seal is empty; 0: it is not encrypted */
    uint8_t seal[PART_SEAL_BYTES];
    /* Where its bytes are: neither of the two, then they end this object. */
    bool is_apart;    /* they are the object b/BODY */
    bool is_straight; /* they end the stored part of its number in the backend's upload */
    bool has_frames;  /* the name has its frames; else the content has */
    uint8_t body[BODY_NAME_BYTES];
    struct before_facts before;
    char stored_etag[STORED_ETAG_TEXT_BYTES]; /* of the stored part, without quotes; is_straight */
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

/* Which pieces stand in front of a part. `name` is NNNNN.FACTS; frames in the form of store/frames.h, if the name has
 * them. In front of a straight part there are whole pieces, so others that hold the same in the same frames will do. A
 * lead may begin within a frame, whose other end comes from the piece's own object: it has to be that very piece. */
struct before_digest {
    struct md5_sum contents;
    struct md5_sum names;
};
void before_digest_begin(struct before_digest *digest);
void before_digest_add(struct before_digest *digest, const struct part_facts *facts, struct span name,
                       struct span frames);
void before_digest_end(struct before_digest *digest, bool is_straight, uint8_t ret_digest[BEFORE_DIGEST_BYTES]);
