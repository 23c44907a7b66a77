/* server/maintenance/first_frame.h -- the first MiB of an object is packed for a try: what the whole would come to.
 *
 * So an object that does not shrink costs one small read, however large it is; and what packing it takes is known
 * before it is done. */
#pragma once

#include "codec/trial.h"
#include "runtime/fiber/offload.h"
#include "server/config/prices.h"
#include "server/object/object.h"

/* NULL: no memory. What it measures is processor time. */
struct trial *first_frame_trial(bool has_columns, int level);

struct first_frame {
    double before; /* stored bytes for each original byte: of the first frame, or of the whole if that is not told */
    double after;  /* ... if it is packed as the trial does it */
    double ns_for_byte; /* that this takes */
};

/* Of an open object that is not empty; it is packed on a thread of `threads`. */
SUSPENDS bool first_frame_try(struct offload *threads, struct object_codecs *codecs, struct bucket_object *object,
                              const struct object_name *name, struct trial *trial, struct first_frame *ret_frame,
                              struct error *error);

/* By so many percent at least? */
bool first_frame_gains(const struct first_frame *frame, uint64_t least_gain);
/* Is what packing the object costs saved again in so many months? Of a bucket a GET and a PUT cost something too. */
bool first_frame_pays(const struct first_frame *frame, const struct object_attributes *attributes,
                      const struct prices *prices, bool costs_requests, uint64_t months);
