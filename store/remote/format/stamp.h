/* store/remote/format/stamp.h -- the one field of metadata that is Bale's own: `s4-bale`.
 *
 *     1;n=NONCE;t=BYTES;b=NONCE;u=t;l=LEDGER/NAME;x=NAME;m=TIME/NAME;c=CHECKSUM
 *
 * n tells this write from every other one, which is how a lost answer is resolved. t says whether a trailer ends the
 * body, b (of a copy) with which nonce that was written: the trailer has it too, so that neither is taken for
 * another's. u=t: the metadata that clients gave lies in the trailer. l: which savings ledger counts the object, and a
 * digest of the name that it was written under, so that a copy which another tool made under another name is not
 * counted. x: it is a tombstone (store/remote/write/tombstone.h) of the object of that name. m: when clients last
 * changed the object of that name, which was packed later: what they see as its time. c: the S3 checksum of the
 * original. Fields that a reader does not know it passes over; clients cannot set
 * any `s4-*`. docs/bucket-format.md has the bytes. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"
#include "s3client/wire/checksum.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STAMP_NONCE_BYTES = 16,
    STAMP_LEDGER_BYTES = 16,
    STAMP_NAME_BYTES = 8,
    STAMP_TEXT_BYTES_MAX = 256,
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
    uint8_t name[STAMP_NAME_BYTES]; /* that it is written under; read only with one of the three that name it */
    int64_t kept_ms;                /* not 0: `m`; then it is no tombstone */
    struct checksum_value checksum; /* CHECKSUM_NONE: none */
};

/* Appends the text. */
void stamp_encode(const struct object_stamp *stamp, struct buffer *ret_text);
/* False: it is no stamp of a version that is known, or malformed: the object is then read by S4's fields alone. */
bool stamp_decode(struct span text, struct object_stamp *ret_stamp);

/* What `l=` has of a name: first bytes of SHA-256(bucket "/" key). */
void stamp_name_digest(struct span bucket, struct span key, uint8_t ret_name[STAMP_NAME_BYTES]);
