/* tools/bale/transfer/download.h -- one revision of an object, fetched in parts over several connections at once.
 *
 * Parts are our own, of one size; a part goes on where it was when its connection broke, under the same If-Match. What
 * came is compared with what the server names of the whole (object_check.h) before this returns true.
 *
 * Errors: ERROR_CHANGED, the object was overwritten or deleted meanwhile; ERROR_DAMAGED, what came is something else;
 * those of the file; and of the server, after ten attempts without a byte. */
#pragma once

#include "tools/bale/session/s3_session.h"
#include "tools/bale/transfer/local_file.h"
#include "tools/bale/transfer/meter.h"
#include "tools/bale/transfer/object_check.h"

enum { DOWNLOAD_PARTS_MAX = 1 << 14 }; /* larger ones where there would be more */

struct download_settings {
    const struct s3_session *session;
    unsigned connections;
    uint64_t part_bytes;
    bool is_sparse;  /* blocks of zeros become holes */
    bool is_resumed; /* goes on where an earlier attempt at the same revision ended */
    struct meter *meter;
};

/* Into a file that local_file_open has opened; it is not finished. Memory: a MiB for each connection.
 *
 * Parts that have come are noted beside the file (part_log.h). With `is_resumed` those of an earlier attempt are read
 * and compared, and only the others fetched; ERROR_CHANGED also when that attempt was at another revision. Where this
 * fails and another attempt could go on, the file is kept: `is_kept`. */
SUSPENDS bool download_to_file(const struct download_settings *settings, const struct remote_object *object,
                               struct object_check *check, struct local_file *file, struct error *error);

/* In order to a descriptor, which may be a pipe. Each connection holds a part in memory until it is that part's turn.
 * What has been written when it fails is of the one revision, but not checked. */
SUSPENDS bool download_to_stream(const struct download_settings *settings, const struct remote_object *object,
                                 const struct object_check *check, int fd, struct error *error);
