/* tools/bale/verify/damaged_range.h -- how far a damage reaches: the original bytes that cannot be had because a frame
 * is wrong. */
#pragma once

#include "store/bucket.h"

/* Reading failed at this original byte, with ERROR_DAMAGED. *ret_end: behind the frame that holds it, by the index, or
 * by the headers of the frames; the object's size where neither leads on, or it is not in frames. */
SUSPENDS bool damaged_range_find(struct bucket_object *object, uint64_t position, uint64_t *ret_end,
                                 struct error *error);
