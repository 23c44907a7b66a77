/* server/object/forms/frame_index.h -- which frames hold a range of original bytes, by the sidecar index of an open
 * object.
 *
 * A sidecar that is missing, damaged, or of another revision costs a walk from the first frame, never the answer: what
 * is found here is believed only once the frame's own header says the same. */
#pragma once

#include "codec/format/sidecar.h"
#include "store/bucket.h"

struct frame_range {
    struct sidecar_entry first; /* of the frame that holds the first byte */
    uint64_t stored_end;        /* behind the frame that holds the last one; UINT64_MAX: it is not told */
};

/* Of [position, end), which is not empty. False: the sidecar is not to be used. */
bool frame_index_find(struct span encoded, const struct bucket_object *object, uint64_t position, uint64_t end,
                      struct frame_range *ret_range);
