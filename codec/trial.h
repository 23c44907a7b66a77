/* codec/trial.h -- what would become of these bytes? A body in frames, packed as one way of storing does it, unpacked
 * again and compared, with sizes and times.
 *
 * For measurements and for people who want to know before they store anything; the server has no use for it. Bodies of
 * any length: a frame at a time, and nothing is kept of it but sums. No I/O; the clock is the caller's, so that CPU
 * time can be measured as well as time. */
#pragma once

#include "codec/format/frame.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum trial_way {
    TRIAL_RAW,     /* as it is; the CRC of frames only */
    TRIAL_ZSTD,    /* --codec auto --columns off */
    TRIAL_COLUMNS, /* --codec auto --columns on: columns where they are smaller */
    TRIAL_GZIP,    /* --codec gzip: one member */
};

struct trial_settings {
    enum trial_way way;
    int level; /* of zstd or of gzip */
    const struct clock *clock;
};

struct trial_result {
    uint64_t original_bytes;
    uint64_t payload_bytes; /* without headers of frames */
    uint64_t stored_bytes;  /* with them, and with the index of several */
    uint64_t in_ns;         /* packing */
    uint64_t out_ns;        /* unpacking, and the CRC of frames */
    uint64_t frames;
    uint64_t frames_raw; /* kept as they are */
    uint64_t frames_in_columns;
};

struct trial; /* 3 to 8 MiB */

struct trial *trial_create(const struct trial_settings *settings); /* NULL: no memory */
void trial_destroy(struct trial *trial);

/* Another body: sums begin at 0, and what was learned of the last one is forgotten. Not of gzip. */
void trial_begin(struct trial *trial);
/* The next frame, of FRAME_ORIGINAL_BYTES if it is not the last. ERROR_DAMAGED: it did not come back as it was. */
bool trial_add(struct trial *trial, struct span frame, bool is_last, struct error *error);
/* After the last frame. */
struct trial_result trial_end(const struct trial *trial);

/* The same for bytes that are all in memory. */
bool trial_run(const struct trial_settings *settings, struct span body, struct trial_result *ret_result,
               struct error *error);
