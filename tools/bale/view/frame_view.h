/* tools/bale/view/frame_view.h -- the frames of one stored body: how each is packed, and what in its bytes speaks for
 * that.
 */
#pragma once

#include "codec/format/frame.h"
#include "store/bucket.h"

#include <stdbool.h>
#include <stdint.h>

struct frame_view {
    struct frame_header header; /* padding is passed over */
    uint64_t original_offset;
    uint64_t stored_offset;
    const char *codec; /* its name; "unknown" */
    char plan[256];    /* of columns: "24: 8 delta, 3x4, 4 delta2", cut where it is long; else "" */
    char why[160];     /* what the frame's bytes say to whoever packs them; "" where they cannot be had here */
};

typedef bool frame_view_take(void *context, const struct frame_view *view, struct error *error);

/* Each frame in order, read and unpacked (but for frames of a dictionary and those above FRAME_VERIFIED_BYTES_MAX).
 * ERROR_DAMAGED where one is. */
SUSPENDS bool frame_view_walk(struct bucket_object *object, frame_view_take *take, void *context, struct error *error);
