/* server/object/forms/check_packed.h -- a frame that was just packed, decoded again. */
#pragma once

#include "codec/format/frame.h"
#include "server/object/codecs_private.h"

/* True: the payload gives header->original_size bytes with header->crc32c. InternalError: it does not. */
SUSPENDS bool check_packed(struct object_codecs *codecs, const struct frame_header *header, struct span payload,
                           struct error *error);
