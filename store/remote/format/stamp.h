/* store/remote/format/stamp.h -- the one field of metadata that is Bale's own: `s4-bale`.
 *
 *     1;n=NONCE;t=BYTES;b=NONCE;u=t;l=LEDGER/NAME;x=NAME;k=CLASS/NAME;c=CHECKSUM
 *     1;n=NONCE;t=BYTES;b=NONCE;u=t;l=LEDGER/NAME;m=TIME/NAME;k=CLASS;o=ETAG/ETAG;z=LEVEL;c=CHECKSUM
 *
 * n tells this write from every other one, which is how a lost answer is resolved. t says whether a trailer ends the
 * body, b (of a copy) with which nonce that was written: the trailer has it too, so that neither is taken for
 * another's. u=t: the metadata that clients gave lies in the trailer. l: which savings ledger counts the object, and a
 * digest of the name that it was written under, so that a copy which another tool made under another name is not
 * counted. x: it is a tombstone (store/remote/write/tombstone.h) of the object of that name. k: the storage class that
 * clients see of the object of that name, where the backend has another one; beside m it names none. m: when clients
 * last changed the object of that name, which was written anew later: what they see as its time. Beside m: o, digests
 * of the backend's ETags of the revision that it was made of, and of the one before, or, where it replaces a version,
 * of the id of that in its place; z, the level at which its body was packed anew. c: the S3 checksum of the original.
 * Fields that a reader does not know it passes over; clients cannot set any `s4-*`. docs/bucket-format.md has the
 * bytes. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"
#include "s3client/wire/checksum.h"
#include "store/storage_class.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STAMP_NONCE_BYTES = 16,
    STAMP_LEDGER_BYTES = 16,
    STAMP_NAME_BYTES = 8,
    STAMP_CLASS_BYTES = STORAGE_CLASS_BYTES,
    STAMP_ETAG_BYTES = 8,
    STAMP_ETAGS_MAX = 2,
    STAMP_LEVEL_MAX = 22,
    STAMP_TEXT_BYTES_MAX = 320,
};

extern const struct span stamp_field; /* "s4-bale" */

struct object_stamp {
    uint8_t nonce[STAMP_NONCE_BYTES];
    enum stamp_trailer {
        STAMP_NO_TRAILER,
        STAMP_TRAILER_BYTES, /* ... of trailer_bytes */
        STAMP_TRAILER_SAYS   /* there is one, its footer says how large: written before the size was known */
    } trailer;
    uint64_t trailer_bytes;
    uint8_t body_nonce[STAMP_NONCE_BYTES]; /* in the trailer; that of the write, unless this is a copy */
    bool is_metadata_in_trailer;
    bool is_counted;   /* `ledger` is there */
    bool is_tombstone; /* of the object of `name`; then it is not counted */
    uint8_t ledger[STAMP_LEDGER_BYTES];
    uint8_t name[STAMP_NAME_BYTES];        /* that it is written under; read only with one of the four that name it */
    int64_t kept_ms;                       /* not 0: `m`; then it is no tombstone */
    char storage_class[STAMP_CLASS_BYTES]; /* "": the backend's */
    uint8_t made_of[STAMP_ETAGS_MAX][STAMP_ETAG_BYTES]; /* beside kept_ms, the last one first */
    unsigned made_of_count;
    uint8_t level;                  /* likewise, up to STAMP_LEVEL_MAX; 0: its body came as it is */
    struct checksum_value checksum; /* CHECKSUM_NONE: none */
};

/* Appends the text. */
void stamp_encode(const struct object_stamp *stamp, struct buffer *ret_text);
/* False: it is no stamp of a version that is known, or malformed: the object is then read by S4's fields alone. */
bool stamp_decode(struct span text, struct object_stamp *ret_stamp);

/* What `o=` has of a revision, which is told by the backend's ETag or by the id of its version: first bytes of the
 * SHA-256 of that. */
void stamp_revision_digest(struct span revision, uint8_t ret_digest[STAMP_ETAG_BYTES]);
/* Is the object what that revision was, written anew? */
bool stamp_is_made_of(const struct object_stamp *stamp, struct span revision);

/* What `l=` has of a name: first bytes of SHA-256(bucket "/" key). */
void stamp_name_digest(struct span bucket, struct span key, uint8_t ret_name[STAMP_NAME_BYTES]);
