/* server/object/forms/columns_frame.h -- a frame in columns on its way out (codec/columns/columns.h).
 *
 * It cannot be streamed: nothing of it is known before all of it is there. So it is decoded at once as all frames are
 * that Bale writes, but in slices, and up to FRAME_VERIFIED_BYTES_MAX. */
#pragma once

#include "codec/format/frame.h"
#include "server/object/codecs_private.h"

/* ERROR_DAMAGED: no frame in columns has such sizes, or lies in an object of `object_codec`, which is another one's
 * than ours (0: the object does not say). To be asked before anything is taken for it. */
bool columns_frame_check(const struct frame_header *header, uint32_t object_codec, struct error *error);
/* Memory beside the original bytes, to be taken from the budget: of frames larger than Bale's own. */
size_t columns_frame_memory_beside(const struct frame_header *header);
/* Makes the slot ready; *ret_stored is where the payload may be read to, with another header behind it. */
bool columns_frame_prepare(struct decode_slot *slot, const struct frame_header *header, uint8_t **ret_stored,
                           struct error *error);
/* Fills header->original_size bytes; the caller checks the CRC. Yields between slices. */
SUSPENDS bool columns_frame_decode(struct decode_slot *slot, const struct frame_header *header, struct span payload,
                                   uint8_t *ret_original, struct error *error);
