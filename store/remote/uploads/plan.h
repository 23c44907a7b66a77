/* store/remote/uploads/plan.h -- which stored parts an object is joined from: decisions, without any I/O.
 *
 * Pieces that lie in the backend's upload already stay where they are. Between them, large stretches of what clients
 * sent are copied by the backend itself; what is smaller than a stored part may be is read and sent together with its
 * neighbours, which lend the bytes that it lacks. Frames may cross stored parts. The trailer ends the last one, which
 * may be of any size.
 *
 *     pieces        1      2   3    4       5   6      7: in the upload, with 5 and 6 in front of it
 *                |------|---|---|------|  [---|---|--------]  trailer
 *     steps        copy   gather  copy         there          gather
 *
 * A piece's object may begin with a lead, the last bytes of those before it (lead.h). From there to the end of the
 * piece the backend can copy as well, in one stretch; where the next piece has a lead, too, the stretch ends where that
 * begins.
 *
 * When a client has sent pieces again, or left some out, a stretch may be too small for a stored part, or the bytes in
 * front of a piece may be of no use any more. One frame of padding then fills the stretch up, and reaches over those
 * bytes. Clients that send each part once never cause it. */
#pragma once

#include "runtime/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORED_PARTS_MAX = 10000, STORED_PART_BYTES_LEAST = 5 << 20, GATHERED_BYTES_MAX = 64 << 20 };
#define STORED_PART_BYTES_MAX (UINT64_C(5) << 30)

/* A piece that was chosen, in order of their numbers. */
struct join_piece {
    unsigned number;
    bool is_there; /* ends the stored part of this number; what follows is of such a piece */
    uint64_t size;
    uint64_t before_bytes; /* in front of it in that stored part, or in its object */
    unsigned before_count; /* so many pieces just before this one end in these bytes; 0: they are of no use. In a stored
                            * part they are all of these pieces */
};

/* One stored part: bytes [offset, offset + size) of the pieces behind each other, from the `first` one on, and what
 * stands behind them. */
struct join_step {
    enum {
        STEP_THERE,
        STEP_COPY,
        STEP_GATHER
    } kind;       /* THERE: `first` is the piece that ends it; COPY: of one object */
    bool is_last; /* the trailer is behind it */
    unsigned number;
    unsigned first;
    uint64_t offset; /* in the first piece */
    uint64_t size;
    unsigned source;        /* COPY: the piece whose object has these bytes */
    uint64_t source_offset; /* there */
    uint64_t padding_bytes; /* of a padding frame behind the pieces, header included; 0: none */
    uint64_t padded_over;   /* bytes of the next stored part that its frame reaches over */
};

/* Appends struct join_step. `number_unused`: no part has this number or a greater one, chosen or not. `uniform` not 0:
 * all stored parts but the last are of just this size, all are gathered, and no piece is there. False: there would be
 * more stored parts than numbers for them. */
bool join_plan(const struct join_piece *pieces, unsigned count, unsigned number_unused, uint64_t uniform,
               struct buffer *ret_steps);
