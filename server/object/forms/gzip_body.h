/* server/object/forms/gzip_body.h -- a body that is stored as one gzip member, on its way in.
 *
 * It holds a compressor from its first bytes to its last, while a client is waited for as well. So its writer takes
 * GZIP_SLOT_BYTES from the budget together with the memory for its bytes, and gives neither back in between: nobody
 * waits for one while holding the other. */
#pragma once

#include "codec/stock/gzip.h"
#include "server/object/codecs_private.h"

enum { GZIP_SLOT_BYTES = GZIP_COMPRESSOR_BYTES + GZIP_STORED_BYTES };

struct gzip_body {
    struct gzip_slot *slot; /* NULL: it has not begun */
    size_t filled;          /* of slot->stored: compressed, not taken yet */
    bool has_ended;
};

/* SlowDown: there are too many of them. */
SUSPENDS bool gzip_body_begin(struct object_codecs *codecs, struct gzip_body *ret_body, struct error *error);
/* Gives the compressor back; nothing is done where there is none. */
void gzip_body_end(struct object_codecs *codecs, struct gzip_body *body);

/* Takes bytes from the front of *original until none are left (and the member has ended, if they were the last), or its
 * buffer is full: false. Yields between slices. */
SUSPENDS bool gzip_body_take_in(struct gzip_body *body, struct span *original, bool is_last);
/* What is in its buffer, which is empty from then on; valid until more is taken in. */
struct span gzip_body_take_out(struct gzip_body *body);
