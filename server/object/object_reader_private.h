/* server/object/object_reader_private.h -- a body on its way out, as the two halves of its reader share it.
 *
 * object_reader.c finds where a range begins, and hands over; object_reader_frame.c decodes what lies in frames. */
#pragma once

#include "codec/format/sidecar.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/frame_stream.h"
#include "server/object/forms/s4_source.h"
#include "server/object/forms/sealed_body.h"
#include "server/object/forms/stage.h"
#include "server/object/object.h"

struct object_reader {
    struct object_codecs *codecs;
    struct bucket_object *object;
    const struct object_name *name;
    bool may_keep;                 /* what is decoded, for the next one */
    struct dictionary *dictionary; /* that its frames refer to, held; NULL: none */
    struct store_source store;
    struct s4_source *s4;         /* of a body that S4 encrypted; else NULL */
    struct object_source *source; /* the first stage behind the frames */

    uint64_t position;                 /* original offset of the next byte to hand out */
    uint64_t end;                      /* behind the last one; UINT64_MAX: whatever there is */
    uint64_t frame_original;           /* original offset of the next frame */
    uint64_t frame_stored;             /* stored offset of its header */
    uint64_t first_stored;             /* where reading began */
    struct sidecar_entry entry;        /* what the sidecar says of it; stored_size 0: nothing */
    uint64_t stored_end;               /* behind the frame that holds the last byte, by the sidecar; else of all */
    uint8_t ahead[FRAME_HEADER_BYTES]; /* its first bytes, as far as they have been read */
    size_t ahead_size;

    struct sealed_body sealed;

    struct body_memory memory;   /* of the piece that was handed out; without bytes if it is lent */
    struct bucket_loan *loan;    /* ... by the store; NULL: nothing was ever lent */
    bool may_borrow;             /* whoever takes the piece takes several spans */
    struct frame_entry *kept;    /* ... or this has it, held; NULL: nothing is */
    bool is_half_way;            /* a piece was handed out */
    struct frame_stream *stream; /* of a frame that is not decoded at once */
    uint64_t stream_original;    /* original offset of what comes next from it */
    size_t stream_piece;         /* how much of `memory` it fills at once */

    bool is_raw_verified; /* an unframed body is read from its first byte to its last: its CRC is checked on the way */
    bool is_raw_part;     /* ... of which a part is wanted: all of it is read at once, as of a frame */
    uint32_t raw_crc32c;
};

static inline const struct object_attributes *object_reader_attributes(const struct object_reader *reader)
{
    return &reader->object->attributes;
}

/* Of the stage behind the frames. */
SUSPENDS bool object_reader_read_stored(struct object_reader *reader, uint64_t offset, void *ret_bytes, size_t size,
                                        struct error *error);
/* Memory for the next piece, `size` bytes: what was handed out before is given up, or used again when it fits and
 * nobody waits. `beside`: what is counted in addition, while the piece is made. */
SUSPENDS bool object_reader_take_memory(struct object_reader *reader, size_t size, size_t beside, struct error *error);
/* What of these original bytes, which begin at `offset`, the range wants next. */
struct span object_reader_clip(const struct object_reader *reader, uint64_t offset, struct span bytes);
void object_reader_clip_piece(const struct object_reader *reader, uint64_t offset, struct object_piece *piece);
/* Tells the store how far this reader will read on. */
void object_reader_say_window(const struct object_reader *reader);
bool object_reader_refuse_cut_short(const struct object_reader *reader, struct error *error);

/* The next piece of a body in frames; stays empty when the range goes to the end, whatever that is, and it was reached.
 */
SUSPENDS bool object_reader_next_framed(struct object_reader *reader, struct object_piece *ret_piece,
                                        struct error *error);

/* ---- object_reader_loan.c: original bytes that are stored as they are ---- */

/* One span, or none if it is empty. */
void piece_set(struct object_piece *piece, struct span bytes);
/* Its CRC-32C behind that of what came before. */
uint32_t piece_crc32c(uint32_t crc32c, const struct object_piece *piece);

/* Stored bytes [from, from + size), up to FRAME_ORIGINAL_BYTES of them: the store's own memory, if it lends them, else
 * read into `memory`, and then with them, up to TAILROOM_BYTES, the `ahead` bytes that follow. *ret_ahead is empty if
 * those were not read. */
SUSPENDS bool object_reader_load(struct object_reader *reader, uint64_t from, size_t size, size_t ahead,
                                 struct object_piece *ret_piece, struct span *ret_ahead, struct error *error);
/* What was lent for the piece before. */
void object_reader_give_back(struct object_reader *reader);
