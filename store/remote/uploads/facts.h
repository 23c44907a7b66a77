/* store/remote/uploads/facts.h -- what is known of a part that a client sent, as the name of an object.
 *
 *     .bale/mpu/UPLOAD/p/NNNNN.FACTS
 *
 * A list of names is then a list of parts, a thousand a request. FACTS is base64 for names, with a slash behind every
 * 200 characters, because file systems allow 255 bytes in a segment. docs/bucket-format.md has the bytes. Where the
 * part's frames do not fit into the name, they are the content of the object, and the part's bytes are another object's
 * (is_apart). */
#pragma once

#include "runtime/base/buffer.h"
#include "store/bucket.h"

enum {
    BODY_NAME_BYTES = 16,
    FACTS_NAME_BYTES_MAX = 900, /* NNNNN.FACTS: leaves room for a prefix of 60 bytes; longer prefixes leave less */
};

struct part_facts {
    struct part_attributes part; /* modified_ms is the clock of who took it; `frames` empty: see has_frames */
    bool is_apart;               /* its bytes are the object b/BODY; else this one's content */
    bool has_frames;             /* the name has its frames; else the content has */
    uint8_t body[BODY_NAME_BYTES];
};

/* Appends NNNNN.FACTS; has_frames is decided here: by whether it stays below `bytes_max`. */
void facts_encode(struct part_facts *facts, size_t bytes_max, struct buffer *ret_name);
/* The other way round. `frames` are appended to ret_frames, in the form of store/frames.h; facts->part.frames is left
 * empty. False: it is no name of a part. */
bool facts_decode(struct span name, struct part_facts *ret_facts, struct buffer *ret_frames);

/* Frames as the content of an object, and back. */
void facts_encode_frames(struct span frames, struct buffer *ret_bytes);
bool facts_decode_frames(struct span bytes, struct buffer *ret_frames);
