/* server/object/forms/frame_stream.h -- a frame (or an unframed body) that is decoded as it is read, not at once.
 *
 * Frames of other writers may be of any size. Bytes come in order; the last ones of the frame are given only after its
 * size and CRC have proved right. */
#pragma once

#include "codec/format/frame.h"
#include "server/object/codecs_private.h"
#include "server/object/forms/stage.h"

struct frame_stream_source {
    struct object_source *source;
    const struct dictionary *dictionary; /* that the frame may refer to, held until frame_stream_end; NULL: none */
    struct frame_header header;
    uint64_t payload_offset;
    bool has_crc32c;
};

struct frame_stream;

/* What must be taken from the budget for its window before it begins. */
SUSPENDS bool frame_stream_window(const struct frame_stream_source *from, size_t *ret_bytes, struct error *error);
/* Waits for a slot: of the ordinary ones, or of the few for windows above 8 MiB. */
SUSPENDS bool frame_stream_begin(struct object_codecs *codecs, const struct frame_stream_source *from,
                                 struct frame_stream **ret_stream, struct error *error);
/* Fills `capacity` (more than 0), or as much as is left of the frame. Yields between slices. */
SUSPENDS bool frame_stream_read(struct frame_stream *stream, uint8_t *ret_bytes, size_t capacity, size_t *ret_size,
                                struct error *error);
bool frame_stream_has_ended(const struct frame_stream *stream);
void frame_stream_end(struct frame_stream *stream);
