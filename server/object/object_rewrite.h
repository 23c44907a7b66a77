/* server/object/object_rewrite.h -- an object packed anew where it lies: at another level, or encrypted.
 *
 * Read, decoded, encoded, and every new frame decoded again before it is stored: what comes out must be what went in,
 * by each frame's CRC-32C, and by the object's own, its MD5 and its size. Nothing is visible before the commit, which
 * asks whether the version still has the bytes that were read. No dictionary is used. */
#pragma once

#include "server/object/object.h"

struct object_rewrite;

struct object_rewrite_intent {
    struct object_name name; /* with its version; its texts live as long as the rewrite */
    int level;
    bool is_sealed;                         /* it is to be encrypted, as in object_write_intent, and is not */
    struct span storage_class;              /* that it is to have; empty: its own */
    const struct deletion_grounds *grounds; /* as in body_rewrite, and living as long */
    const bool
        *is_cut_off; /* looked at before each frame, for a whole object may take an hour. NULL: nothing ends it */
    const struct frame_gate *gate; /* as in object_write_intent */
    bool makes_version;            /* as in body_rewrite */
};

/* ERROR_UNSUPPORTED: it is encrypted, or its size is not known; where it is to be encrypted: its ETag is no MD5 of its
 * bytes, or S4 encrypted it and there is no key for that. ERROR_DAMAGED: what is stored is not what was put.
 * SlowDown: there is too much to do. ERROR_CANCELLED: it was cut off. */
SUSPENDS bool object_rewrite_begin(struct object_codecs *codecs, struct bucket_store *store,
                                   const struct object_rewrite_intent *intent, struct object_rewrite **ret_rewrite,
                                   struct error *error);
/* Of what was read; as long as the rewrite. */
const struct object_attributes *object_rewrite_found(const struct object_rewrite *rewrite);
/* Of the new body. */
uint64_t object_rewrite_stored_size(const struct object_rewrite *rewrite);
/* Is the new body smaller than the old one? Else only abort makes sense. */
bool object_rewrite_is_smaller(const struct object_rewrite *rewrite);
/* As bucket_commit_rewrite. The rewrite is gone. */
SUSPENDS bool object_rewrite_commit(struct object_rewrite *rewrite, struct error *error);
SUSPENDS void object_rewrite_abort(struct object_rewrite *rewrite);
